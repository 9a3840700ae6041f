#ifndef ADDRESS_H
#define ADDRESS_H

/*
 * Socket addresses: IPv4, IPv6 and unix.  IPv4 counts as IPv6 where two are
 * compared, in its mapped form ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
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

/* The port of an IP address, in host order; 0 of a unix address. */
unsigned	address_port(const union address *address);
void		address_set_port(union address *address, unsigned port);

/* An IP address as IPv6, an IPv4 one in its mapped form. */
struct in6_addr	address_as_ipv6(const union address *address);

/* Whether an IP address is 0.0.0.0, :: or ::ffff:0.0.0.0. */
bool		address_is_wildcard(const union address *address);

/* Whether an IP address is of 127.0.0.0/8, mapped or not, or ::1. */
bool		address_is_loopback(const union address *address);

/*
 * Whether two requests to bind() name one address: the same family, IP and
 * port.  Any two unix addresses do.
 */
bool		address_same(const union address *a, const union address *b);

/* Whether length bytes of address name a path: a unix one, not abstract. */
bool		address_has_path(const union address *address,
    socklen_t length);

/*
 * Stores the host alone: "127.0.0.1", "::1", "fe80::1%eth0"; "" for a unix
 * address.  Asks the kernel for the name of an interface that is given.
 */
void		address_host(const union address *address,
    char host[HOST_MAX]);

/*
 * Stores the address as one writes it: "127.0.0.1:80", "[::1]:80"; a unix
 * path; "@name" for an abstract one; "" for a unix socket without a name.
 */
void		address_format(const union address *address, socklen_t length,
    char text[ADDR_MAX]);

#endif
