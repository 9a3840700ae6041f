/* SPDX-License-Identifier: ISC */
#ifndef WAITING_H
#define WAITING_H

/*
 * Which listeners have clients that wait in their queue, since when, and how a
 * shutdown(2) of the service's is noticed.  Where the service listens at
 * another address of the same port, clients are not kept waiting.  What is said
 * of those that wait, hang.h has.
 */

#include "adopt/adoption.h"

/*
 * Makes adoption->watches, and learns the inode numbers of the listeners'
 * sockets.  Returns 0, or -1 and errno.
 */
int	waiting_begin(struct adoption *adoption);

/*
 * Chooses what to wait for, and looks at what is beside.  Call this before each
 * events_wait().  It looks at the listeners when adoption->look_at has come, a
 * time of events_clock(): 0 is at once, and whoever changes what a decision
 * rests on sets that.  Returns the milliseconds until the next call at the
 * latest, or -1 if only an event can change anything.
 */
int	waiting_step(struct adoption *adoption);

/*
 * A process was given a socket at the listener's port: the listener's own, if
 * own is true, or one beside it.  From then on what stands beside it is looked
 * at once a second: yield_to_listening(), datagrams_step().
 */
void	waiting_bound(struct adoption *adoption, struct listener *listener,
    bool own);

/* Nobody holds the listener's socket any more: its clients wait anew. */
void	waiting_begin_anew(struct adoption *adoption,
    const struct listener *listener);

#endif
