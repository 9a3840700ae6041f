#ifndef SECOND_SOCKET_H
#define SECOND_SOCKET_H

/*
 * Sockets beside a listener's own that a service is given in its place, and
 * the options that each is to have.
 */

#include "socket/listener.h"

/*
 * Gives to the options that from has, where they differ from those of a new
 * socket of that family and type and still matter on one that listens, or
 * receives.  An option that cannot be set is left.
 */
void	second_socket_copy_options(int from, int to, int family, int type);

/*
 * A second socket for a process that binds a second address: two accept
 * loops on one open file would block or starve each other.  Where the
 * listener is on every address this one is at a number that nobody knows.
 * One for datagrams is of the family that was asked for: they are answered
 * through it.  Returns it, bound, close-on-exec, owned by the caller; or -1.
 */
int	second_socket_make(const struct listener *listener, int family);

/*
 * Makes the listener for datagrams an AF_INET6 socket at the same address: a
 * service that asked for one could not answer on an AF_INET socket.  The old
 * one, of which the service may have a copy, is connected to itself, so that
 * nothing arrives there any more; so it must not be its giver's.  Returns 0;
 * or -1, and the listener is as it was.
 */
int	second_socket_make_dual_stack(struct listener *listener);

#endif
