/* SPDX-License-Identifier: ISC */
#ifndef MATCH_H
#define MATCH_H

/*
 * Which bind(2) is answered, with which listener, and whether two of them can
 * both succeed; which connect(2) meets a listener.  Makes no system call.
 */

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "socket/listener.h"

/*
 * A bind(2) or connect(2) as the filter reports it, and what is known of its
 * socket.
 */
struct request {
	union address	 address;	/* passed to it */
	socklen_t	 length;	/* of address, in bytes */
	int		 type;		/* SOCK_STREAM, ...; 0: unknown */
	int		 family;	/* of the socket */
	bool		 standard;	/* TCP, MPTCP or UDP, not SCTP, say */
	bool		 v6only;	/* IPV6_V6ONLY */
	bool		 share_port;	/* SO_REUSEPORT */
	bool		 share_address;	/* SO_REUSEADDR, of a datagram socket */
	bool		 same_network;	/* our network namespace */
	dev_t		 device;	/* of the file at the unix path, */
	ino_t		 inode;		/* 0: there is none */
};

/*
 * Returns the index of the listener that is to replace the request's socket,
 * or -1 if the kernel is to handle the bind(2).
 *
 * An open listener matches a request in our network namespace if
 *	the type is the same, and the protocol is a standard one;
 *	the port is the listener's, or --map maps it to the listener's port;
 *	the address is a wildcard, or the listener's; or it is a loopback
 *	address, and the listener's is loopback or a wildcard;
 *	it is no mapped address with IPV6_V6ONLY, which the kernel refuses.
 * If several match, the same address is preferred, then the same family.  A
 * socket for IPv6 that takes IPv4 as well counts as one for IPv4: clients of an
 * IPv4 listener may be waiting.
 *
 * A unix listener matches if its type is the same and the path leads to the
 * file that the listener made, or the abstract name is equal.
 */
int	match_listener(const struct request *request,
    const struct listeners *listeners, const struct maps *maps);

/*
 * Whether the listener, which matches the request, is a socket for the clients
 * that the request is for: those of IPv4, or those of IPv6.
 */
bool	match_suits(const struct request *request,
    const struct listener *listener);

/*
 * Whether a connect(2) to the address, of length bytes, may be for a listener:
 * --map has its port, and it is a loopback or wildcard address.
 */
bool	match_may_meet(const union address *address, socklen_t length,
    const struct maps *maps);

/*
 * Stores in *target the address at which the request, a connect(2) that may be
 * for a listener, meets it.  The family of clients is kept, so a client of
 * ::1 is refused where the service is for 127.0.0.1 alone.  Returns false if
 * the kernel is to handle the call: no listener has its type, or the socket is
 * in another network namespace.
 */
bool	match_target(const struct request *request,
    const struct listeners *listeners, const struct maps *maps,
    union address *target);

/* What the kernel makes of a bind(2), beside a socket that is bound already. */
enum conflict {
	APART,		/* it succeeds: no client could mean both */
	SHARED,		/* it succeeds: both have SO_REUSEPORT, say */
	IN_USE		/* it fails with EADDRINUSE */
};

/*
 * Returns the conflict of two requests of the same type, in the same network
 * namespace.  held has succeeded, and its socket listens: inet_csk_get_port()
 * in the kernel's net/ipv4/inet_connection_sock.c, udp_lib_get_port() in
 * net/ipv4/udp.c.
 */
enum conflict	match_conflict(const struct request *held,
    const struct request *asked);

#endif
