/* SPDX-License-Identifier: ISC */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

/*
 * Listeners for datagrams.  Nothing waits to be accepted there: a socket that
 * no process reads swallows what is sent to it.  Several sockets may share one
 * port, and each has a queue of its own.
 */

#include <stdint.h>

#include "adopt/adoption.h"
#include "adopt/holders.h"
#include "adopt/match.h"

/*
 * Prepares the listener's socket for a process that is to be given it.  Undoes
 * connect(2) of its predecessor, and a group that has ended.  If the process
 * asks for the other family, another socket at the same address takes its
 * place: it could not answer through that one.  The former socket, of which the
 * process may have a copy, is connected to itself, so that no datagram arrives
 * there any more.  So this is not possible where portexec inherited the socket.
 * Returns 0, or -1 and errno.
 */
int	datagrams_prepare(struct adoption *adoption,
    struct listener *listener, const struct request *asked);

/*
 * Returns a socket that shares the port with the holder's, as both have asked
 * for, close-on-exec and owned by the caller; or -1 and errno.
 *
 * The keeper gives up its own copy of the listener's socket: it would take a
 * share of the datagrams when the holder has closed its own.  Another socket
 * keeps the port, parked: connected to itself.  If the service was passed a
 * copy, too, the keeper keeps its own until the first is not held any more:
 * datagrams_step() parks that then.
 */
int	datagrams_join(struct adoption *adoption, struct listener *listener,
    const struct holder *holder, const struct request *asked);

/*
 * Call this once a second while a listener is parked.  If none of the sockets
 * of its group is held any more, ends the group: then datagrams wait for the
 * next process.  Returns whether it is parked still.
 */
bool	datagrams_step(struct adoption *adoption, struct listener *listener);

#endif
