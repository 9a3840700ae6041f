/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/tcp.h>
#include <string.h>
#include <unistd.h>

#include "adopt/second_socket.h"

/* Options that still matter on a socket that listens, or receives. */
static const struct kept_option {
	int	level, option;
	int	ipv4_option;	/* the same on an AF_INET socket; 0: none */
} kept_options[] = {
	{ SOL_SOCKET, SO_KEEPALIVE, 0 },
	{ SOL_SOCKET, SO_LINGER, 0 },
	{ SOL_SOCKET, SO_RCVTIMEO, 0 },
	{ SOL_SOCKET, SO_SNDTIMEO, 0 },
	{ SOL_SOCKET, SO_RCVBUF, 0 },
	{ SOL_SOCKET, SO_SNDBUF, 0 },
	{ SOL_SOCKET, SO_BROADCAST, 0 },
	{ SOL_SOCKET, SO_PASSCRED, 0 },
	{ IPPROTO_TCP, TCP_NODELAY, 0 },
	{ IPPROTO_TCP, TCP_MAXSEG, 0 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 0 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 0 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 0 },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 0 },
	{ IPPROTO_TCP, TCP_FASTOPEN, 0 },
	{ IPPROTO_TCP, TCP_CONGESTION, 0 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0 },
	{ IPPROTO_IP, IP_TOS, 0 },
	{ IPPROTO_IP, IP_TTL, 0 },
	{ IPPROTO_IP, IP_TRANSPARENT, 0 },
	{ IPPROTO_IP, IP_PKTINFO, 0 },
	{ IPPROTO_IP, IP_RECVTOS, 0 },
	{ IPPROTO_IP, IP_RECVTTL, 0 },
	{ IPPROTO_IPV6, IPV6_TCLASS, IP_TOS },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, IP_TTL },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, IP_PKTINFO },
};

void
second_socket_copy_options(int from, int to, int family, int type)
{
	union {
		char	bytes[64];
		int	number;
	} set, standard;
	socklen_t set_length, standard_length;
	const struct kept_option *kept;
	int fresh = socket(family, type | SOCK_CLOEXEC, 0);
	size_t i;

	for (i = 0; i < sizeof(kept_options) / sizeof(kept_options[0]); i++) {
		kept = &kept_options[i];
		set_length = standard_length = sizeof(set);
		if (getsockopt(from, kept->level, kept->option, &set,
		    &set_length) == -1 ||
		    getsockopt(fresh, kept->level, kept->option, &standard,
		    &standard_length) == -1 ||
		    (set_length == standard_length &&
		    memcmp(&set, &standard, set_length) == 0))
			continue;
		/* The kernel doubles the value that is set: socket(7). */
		if (kept->level == SOL_SOCKET && (kept->option == SO_RCVBUF ||
		    kept->option == SO_SNDBUF))
			set.number /= 2;
		if (setsockopt(to, kept->level, kept->option, &set,
		    set_length) == -1 && kept->ipv4_option != 0)
			setsockopt(to, IPPROTO_IP, kept->ipv4_option, &set,
			    set_length);
	}
	if (fresh != -1)
		close(fresh);
}

/* Copies what -l asked for to a socket that stands in for the listener. */
static void
keep_own_options(const struct listener *listener, int fd)
{
	int shared = 0;
	socklen_t length = sizeof(shared);

	second_socket_copy_options(listener->fd, fd,
	    listener->address.any.sa_family, listener->type);
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
	keep_own_options(listener, fd);
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
second_socket_make_dual_stack(struct listener *listener)
{
	union address mapped = { .in6 = { .sin6_family = AF_INET6 } };
	int fd, off = 0;

	fd = socket(AF_INET6, listener->type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	keep_own_options(listener, fd);
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
	close(listener->fd);
	listener->fd = fd;
	listener->address = mapped;
	listener->length = sizeof(mapped.in6);
	return 0;
}
