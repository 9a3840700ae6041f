#ifndef WAITING_H
#define WAITING_H

/*
 * Clients that wait in a listener's queue, and that nobody takes: it is said
 * once, after some seconds.
 */

#include "adopt/adoption.h"

/*
 * Watches the queue of each listener.  Before a source of adoption->events is
 * added that is forgotten again: see events_add().  0, or -1 and errno.
 */
int	waiting_begin(struct adoption *adoption);

/*
 * To be called before events_wait(): speaks of clients that have waited too
 * long.  Returns the milliseconds until it is to be called again at the
 * latest, or -1.
 */
int	waiting_step(struct adoption *adoption);

/* Nothing is to be said of the listener any more: it was bound. */
void	waiting_settle(struct adoption *adoption,
    const struct listener *listener);

#endif
