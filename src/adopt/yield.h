/* SPDX-License-Identifier: ISC */
#ifndef YIELD_H
#define YIELD_H

/*
 * Processes that cannot be given our socket: a listener is yielded to them
 * (holders.h), so that they can bind the port themselves.  The reserve socket
 * does not prevent that, as long as no other socket listens on the port.
 */

#include "adopt/adoption.h"
#include "adopt/caller.h"

/*
 * The keeper cannot read the memory of the caller; errno says why.  So the
 * address that the caller binds is unknown.  length is that of the address, in
 * bytes.  If an IP address can have that length, yields every listener that no
 * process holds and that has a reserve socket.
 *
 * Closes the listeners whose unix path is lost: adoption_close_lost_paths().
 */
void	yield_to_unreadable(struct adoption *adoption, struct caller *caller,
    size_t length);

/*
 * An epoll instance of the caller cannot be changed, so it would never report
 * a client on our socket.  errno says why.  Yields the listener if no process
 * holds it and it has a reserve socket.  asked is the address that the caller
 * binds, of length bytes.
 */
void	yield_to_deaf(struct adoption *adoption, struct listener *listener,
    struct caller *caller, const union address *asked, socklen_t length);

/*
 * Yields the listener, whose own socket no process holds, to the process that
 * listens at another address of the same port, if there is one.  A client would
 * wait in vain here, where it is refused on a free port.  Returns false if a
 * process was given such a socket and does not listen yet.
 */
bool	yield_to_listening(struct adoption *adoption,
    struct listener *listener);

#endif
