/* SPDX-License-Identifier: ISC */
#ifndef SECOND_SOCKET_H
#define SECOND_SOCKET_H

/*
 * The sockets that a service is given in place of a listener's own.  Their
 * options are those of new sockets, until kept_options_hand_over().
 */

#include "adopt/adoption.h"

/*
 * Makes a second socket, for a process that holds the listener and binds
 * another address.  It is bound to a loopback address at the listener's port.
 * If no such address is free, as beside a listener on every address, it is
 * bound to a port that the kernel picks and no client knows.  A datagram socket
 * has the family that was asked for, because the service answers through it.
 * Returns the socket, close-on-exec and owned by the caller, or -1.
 */
int	second_socket_make(const struct listener *listener, int family);

/*
 * Replaces the AF_INET socket of a datagram listener with an AF_INET6 socket
 * at the same address, for a service that binds an AF_INET6 socket: it could
 * not answer through the other.  The old socket, of which the service may have
 * a copy, is connected to itself, so that no datagram arrives there any more.
 * So it must not be a socket that portexec inherited from its caller.  Returns
 * 0; or -1, and the listener is unchanged.
 */
int	second_socket_make_dual_stack(struct adoption *adoption,
    struct listener *listener);

#endif
