/* SPDX-License-Identifier: ISC */
#ifndef KEPT_OPTIONS_H
#define KEPT_OPTIONS_H

/*
 * The options of socket(7), tcp(7), ip(7), ipv6(7) and unix(7) that a service
 * sets before it binds, and that still matter on a socket that listens or
 * receives.  The socket that it is given in exchange has to have them.
 */

#include "adopt/adoption.h"

/*
 * Learns the options that the listeners have before a service is given them:
 * those of a new socket, and what -l or portexec's caller has set.  Without
 * memory, those of a new socket are assumed.
 */
void	kept_options_begin(struct adoption *adoption);

/*
 * Sets the options of the socket to, which is or stands in for the listener's.
 * Each gets the value of the service's own socket, from, of that family and
 * type, if it differs from that of a new socket.  Otherwise it gets what the
 * listener had at the beginning, so that nothing is left of another service
 * that has had the socket before.  If from is -1, it is taken for a new socket.
 * An option that cannot be set stays as it is.  Also sets O_NONBLOCK as it is
 * in flags: it belongs to the open file description.
 */
void	kept_options_hand_over(struct adoption *adoption,
    struct listener *listener, int from, int flags, int family, int type,
    int to);

/*
 * Sets SO_REUSEPORT and SO_REUSEADDR of the listener's socket as they were at
 * the beginning: a service that has had it before may have changed them.  Call
 * this where no process holds the socket.
 */
void	kept_options_restore_sharing(const struct adoption *adoption,
    const struct listener *listener);

#endif
