/* SPDX-License-Identifier: ISC */
#ifndef SECOND_SOCKET_H
#define SECOND_SOCKET_H

/*
 * The sockets that a service is given in place of a listener's own.  Their
 * options are those of new sockets, until kept_options_hand_over().
 */

#include "adopt/adoption.h"
#include "adopt/match.h"

/*
 * Makes a second socket beside the listener, of the family that was asked for,
 * with the options that decide which sockets may stand beside each other.  It
 * is bound to the listener's port, at the address that was asked for, or at the
 * loopback address of that family for a wildcard.  If another port was asked
 * for, which --map maps to the listener's, and that address is in use, the
 * kernel picks a port.  The socket does not listen yet.
 * Returns the socket, close-on-exec and owned by the caller, or -1 and errno.
 */
int	second_socket_make(const struct listener *listener,
    const struct request *asked);

#endif
