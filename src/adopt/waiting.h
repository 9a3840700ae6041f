/* SPDX-License-Identifier: ISC */
#ifndef WAITING_H
#define WAITING_H

/*
 * Clients that wait in a listener's accept queue and are not accepted.  After
 * some seconds the keeper says so, once a listener.  Where the service listens
 * at another address of the same port, they are not kept waiting.
 */

#include "adopt/adoption.h"

/*
 * Makes adoption->watches, and learns the inode numbers of the listeners'
 * sockets.  Returns 0, or -1 and errno.
 */
int	waiting_begin(struct adoption *adoption);

/*
 * Reports clients that have waited too long, and chooses what to wait for.
 * Call this before each events_wait().  It looks at the listeners when
 * adoption->look_at has come, a time of events_clock(): 0 is at once, and
 * whoever changes what a decision rests on sets that.  Returns the milliseconds
 * until the next call at the latest, or -1 if only an event can change
 * anything.
 */
int	waiting_step(struct adoption *adoption);

/*
 * A process was given a socket at the listener's port: the listener's own, if
 * own is true, or one beside it.  Nothing is reported of a listener whose own
 * socket was given.  From then on what stands beside it is looked at once a
 * second: yield_to_listening(), datagrams_step().
 */
void	waiting_bound(struct adoption *adoption, struct listener *listener,
    bool own);

#endif
