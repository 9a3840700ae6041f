/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <unistd.h>

#include "adopt/second_socket.h"

static void
set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

/* For the wildcard, the loopback address that clients on this machine use. */
static void
choose_address(union address *address)
{
	if (!address_is_wildcard(address))
		return;
	if (address->any.sa_family == AF_INET)
		address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		address->in6.sin6_addr = in6addr_loopback;
}

static int
bind_to(int fd, union address address, unsigned port)
{
	choose_address(&address);
	address_set_port(&address, port);
	return bind(fd, &address.any, address.any.sa_family == AF_INET6 ?
	    sizeof(address.in6) : sizeof(address.in));
}

int
second_socket_make(const struct listener *listener,
    const struct request *asked)
{
	int error, fd;

	fd = socket(asked->family, listener->type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (asked->family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, asked->v6only);
	set_option(fd, SOL_SOCKET, SO_REUSEPORT,
	    asked->share_port || adoption_has(listener, SO_REUSEPORT));
	/* On TCP the reserve socket needs it. */
	set_option(fd, SOL_SOCKET, SO_REUSEADDR,
	    listener->type == SOCK_STREAM || asked->share_address);
	if (bind_to(fd, asked->address, listener->port) == 0 ||
	    (errno == EADDRINUSE &&
	    address_port(&asked->address) != listener->port &&
	    bind_to(fd, asked->address, 0) == 0))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
