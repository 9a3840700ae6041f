/* SPDX-License-Identifier: ISC */
#ifndef ADDRESS_H
#define ADDRESS_H

/*
 * Socket addresses: IPv4, IPv6 and unix.  An IPv4 address can be treated as
 * IPv6, in its mapped form ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
 */

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

enum {
	HOST_MAX = 64,		/* an IPv6 address, %, an interface */
	ADDR_MAX = 128		/* [host]:port, or a unix path */
};

union address {
	struct sockaddr		any;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
	struct sockaddr_un	un;
};

/* Returns the port of an IP address in host order; 0 for a unix address. */
unsigned	address_port(const union address *address);

/* Sets the port, in host order.  Leaves a unix address as it is. */
void		address_set_port(union address *address, unsigned port);

/* Returns an IP address as IPv6; an IPv4 address in its mapped form. */
struct in6_addr	address_as_ipv6(const union address *address);

/* Returns whether an IP address is 0.0.0.0, :: or ::ffff:0.0.0.0. */
bool		address_is_wildcard(const union address *address);

/* Returns whether an address is an IPv4 address in its mapped form. */
bool		address_is_mapped(const union address *address);

/* Returns whether an IP address is ::1 or in 127.0.0.0/8, mapped or not. */
bool		address_is_loopback(const union address *address);

/*
 * Returns whether two calls of bind(2) that were answered with the same
 * listener asked for the same address: family, IP and port.  Two unix
 * addresses always count as the same.
 */
bool		address_same(const union address *a, const union address *b);

/*
 * Returns whether the address, of length bytes, is a unix address with a path
 * in the file system: not abstract, not unnamed.
 */
bool		address_has_path(const union address *address,
    socklen_t length);

/*
 * Stores the address, of length bytes, as text: "127.0.0.1:80", "[::1]:80", a
 * unix path, "@name" for an abstract name, "" for an unnamed unix socket.
 */
void		address_format(const union address *address, socklen_t length,
    char text[ADDR_MAX]);

/*
 * Does so, and stores the host alone: "127.0.0.1", "::1", "fe80::1%eth0"; ""
 * for a unix address.  Asks the kernel for the interface's name if there is a
 * scope.
 */
void		address_describe(const union address *address, socklen_t length,
    char host[HOST_MAX], char text[ADDR_MAX]);

#endif
