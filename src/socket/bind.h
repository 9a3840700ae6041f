#ifndef BIND_H
#define BIND_H

/*
 * Endpoints made into sockets that hold a port number or a path.
 *
 * A TCP number is taken in two steps.  A reserve socket on [::], bound but
 * never listening, takes a number that is free on every address; then the
 * listening socket is bound to that number explicitly, so that it keeps it
 * through a shutdown(2).  Both have SO_REUSEADDR, without which they would
 * exclude each other (socket(7); inet_csk_get_port() in the kernel's
 * net/ipv4/inet_connection_sock.c).
 */

#include "socket/listener.h"

/*
 * Appends a bound socket for each endpoint; nothing listens yet.  No socket
 * takes a number below 3.  A unix path is there from now on, with its
 * permissions; one that was left by a socket which nobody holds any more is
 * replaced.  Returns 0, or -1 with the reason in failure: then what has
 * been appended is for listeners_discard().
 */
int	listeners_bind(struct listeners *listeners,
    const struct spec *specs, size_t count, struct failure *failure);

#endif
