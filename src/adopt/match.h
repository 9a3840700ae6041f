#ifndef MATCH_H
#define MATCH_H

/*
 * Which bind() is answered, and with what.  Pure.
 */

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "socket/listener.h"

/* A bind() as the kernel reports it, and what is known of its socket. */
struct request {
	union address	 address;	/* what was asked for */
	socklen_t	 length;
	int		 type;		/* SOCK_STREAM, ...; 0: unknown */
	int		 family;	/* of the socket */
	bool		 standard;	/* plain TCP or UDP, not MPTCP, say */
	bool		 same_network;	/* our network namespace */
	dev_t		 device;	/* of the unix path now, */
	ino_t		 inode;		/* 0: there is none */
};

/*
 * Returns the number of the listener that is to take the place of the
 * request's socket, or -1: the kernel's to decide.  The port is a
 * listener's own or mapped to it; the type is the same; the address is a
 * wildcard, or the listener's, or loopback while that is loopback or a
 * wildcard.  Among several the nearest in address, then in family.  A unix
 * path is a listener's while it is still the file that the listener made.
 */
int	match_listener(const struct request *request,
    const struct listeners *listeners, const struct maps *maps);

#endif
