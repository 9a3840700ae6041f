/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <netinet/in.h>

#include <unistd.h>

#include "adopt/second_socket.h"

/*
 * Copies SO_REUSEPORT, which is not one of the options of kept_options.h, to a
 * socket that stands in for the listener.
 */
static void
share_port(const struct listener *listener, int fd)
{
	int shared = 0;
	socklen_t length = sizeof(shared);

	getsockopt(listener->fd, SOL_SOCKET, SO_REUSEPORT, &shared, &length);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared));
}

static int
bind_loopback(const struct listener *listener, int family, unsigned port)
{
	union address address = { .any = { .sa_family = (sa_family_t)family } };
	int fd, on = 1;

	fd = socket(family, listener->type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	share_port(listener, fd);
	if (family == AF_INET6) {
		address.in6.sin6_addr = in6addr_loopback;
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	} else
		address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener->type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	address_set_port(&address, port);
	if (bind(fd, &address.any, family == AF_INET6 ?
	    sizeof(address.in6) : sizeof(address.in)) == 0)
		return fd;
	close(fd);
	return -1;
}

int
second_socket_make(const struct listener *listener, int family)
{
	int fd;

	if (listener->type == SOCK_DGRAM) {
		fd = bind_loopback(listener, family, listener->port);
		return fd != -1 ? fd : bind_loopback(listener, family, 0);
	}
	fd = bind_loopback(listener, AF_INET6, listener->port);
	if (fd == -1)
		fd = bind_loopback(listener, AF_INET, listener->port);
	if (fd == -1)
		fd = bind_loopback(listener, AF_INET, 0);
	return fd;
}

static int
set_reuse(int fd, int value)
{
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value));
}

int
second_socket_make_dual_stack(struct adoption *adoption,
    struct listener *listener)
{
	union address mapped = { .in6 = { .sin6_family = AF_INET6 } };
	int fd, off = 0;

	fd = socket(AF_INET6, listener->type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	share_port(listener, fd);
	mapped.in6.sin6_port = listener->address.in.sin_port;
	mapped.in6.sin6_addr = address_as_ipv6(&listener->address);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/* Two UDP sockets at one address: both need SO_REUSEADDR. */
	if (set_reuse(listener->fd, 1) == -1 || set_reuse(fd, 1) == -1 ||
	    bind(fd, &mapped.any, sizeof(mapped.in6)) == -1) {
		set_reuse(listener->fd, 0);
		close(fd);
		return -1;
	}
	set_reuse(listener->fd, 0);
	set_reuse(fd, 0);
	(void)connect(listener->fd, &listener->address.any, listener->length);
	adoption_replace(adoption, listener, fd);
	listener->address = mapped;
	listener->length = sizeof(mapped.in6);
	return 0;
}
