/* SPDX-License-Identifier: ISC */
#ifndef BIND_H
#define BIND_H

/*
 * Makes specs into sockets that hold a port or a path.
 *
 * A TCP port is taken in two steps.  First a reserve socket is bound to [::]
 * and never listens: it takes a port that is free on every address.  Then the
 * listening socket is bound to that port by number: a socket that was bound
 * to port 0 would lose its port at a shutdown(2).  Both sockets have
 * SO_REUSEADDR; without it each would exclude the other (socket(7);
 * inet_csk_get_port() in the kernel's net/ipv4/inet_connection_sock.c).
 *
 * A UDP port has no reserve, which would take datagrams; but a socket that was
 * bound to port 0 would lose its port when it is disconnected, by connect(2) to
 * AF_UNSPEC (__udp_disconnect() in the kernel's net/ipv4/udp.c: the port stays
 * with SOCK_BINDPORT_LOCK, which only a port given by number has).  So a first
 * socket is bound to port 0, and the one that stays to that port by number.
 * Both have SO_REUSEADDR for that moment alone: a UDP socket that keeps it
 * shares its port.
 */

#include "socket/listener.h"

/*
 * Appends a bound socket for each of count specs, or the open one that it names
 * by fd:N, after listeners_claim().  None of the former listens yet.  Every
 * descriptor is FIRST_FD or above and close-on-exec.  A stale unix path is
 * replaced (socket_remove_stale_path()), and a new path has its permissions
 * from the start.  An optional spec is left out if its address is not there.
 * One with loopback gets [::1] on a host without 127.0.0.1.  Returns 0, or -1
 * with the reason in failure.  Either way listeners_discard() removes what was
 * appended.
 */
int	listeners_bind(struct listeners *listeners,
    const struct spec *specs, size_t count, struct failure *failure);

#endif
