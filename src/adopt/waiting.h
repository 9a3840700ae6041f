/* SPDX-License-Identifier: ISC */
#ifndef WAITING_H
#define WAITING_H

/*
 * Clients that wait in a listener's accept queue and are not accepted.  After
 * some seconds the keeper says so, once a listener.
 */

#include "adopt/adoption.h"

/*
 * Adds an event source for the queue of each listener.  Call this before any
 * source is added to adoption->events that will be forgotten again: see
 * events_add().  Returns 0, or -1 and errno.
 */
int	waiting_begin(struct adoption *adoption);

/*
 * Reports clients that have waited too long, and chooses what to poll for.
 * Call this before each events_wait().  Returns the milliseconds until the next
 * call at the latest, or -1 if only an event can change anything.
 */
int	waiting_step(struct adoption *adoption);

/* The listener was bound: nothing is reported of it any more. */
void	waiting_settle(struct adoption *adoption,
    const struct listener *listener);

#endif
