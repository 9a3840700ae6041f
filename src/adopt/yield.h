/* SPDX-License-Identifier: ISC */
#ifndef YIELD_H
#define YIELD_H

/*
 * Processes that cannot be given our socket: a listener is yielded to them
 * (holders.h), so that they can bind the port themselves.  The reserve lets
 * them, as long as nothing listens there.
 */

#include "adopt/adoption.h"
#include "adopt/caller.h"

/*
 * The keeper cannot read the memory of the caller; errno says why.  What the
 * caller binds is not known.  If length, of the address, may be that of an IP
 * address, yields every listener that no process holds.
 */
void	yield_to_unreadable(struct adoption *adoption,
    const struct caller *caller, size_t length);

/*
 * An epoll instance of the caller cannot be changed, errno says why, and
 * would never report a client on our socket.  Yields the listener, unless a
 * process holds it.  asked is the address that the caller binds, of length
 * bytes.
 */
void	yield_to_deaf(struct adoption *adoption, struct listener *listener,
    const struct caller *caller, const union address *asked,
    socklen_t length);

#endif
