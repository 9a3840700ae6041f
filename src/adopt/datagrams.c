/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "adopt/datagrams.h"
#include "adopt/second_socket.h"

static int
set_option(int fd, int option, int value)
{
	return setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

static void
park(int fd, const union address *address, socklen_t length)
{
	(void)connect(fd, &address->any, length);
}

/* The port stays, because it was bound by number: __udp_disconnect(). */
static void
disconnect(int fd)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	union address peer;
	socklen_t length = sizeof(peer);

	if (getpeername(fd, &peer.any, &length) == 0)
		(void)connect(fd, &none, sizeof(none));
}

/*
 * Returns another socket at the listener's address, of that family; or -1 and
 * errno.  Two UDP sockets at one address: both need SO_REUSEADDR.
 */
static int
open_beside(const struct listener *listener, int family, union address *address,
    socklen_t *length)
{
	int error, fd, off = 0;

	*address = listener->address;
	*length = listener->length;
	if (family == AF_INET6 && address->any.sa_family == AF_INET) {
		address->in6 = (struct sockaddr_in6){
		    .sin6_family = AF_INET6,
		    .sin6_port = listener->address.in.sin_port,
		    .sin6_addr = address_as_ipv6(&listener->address) };
		*length = sizeof(address->in6);
	} else if (family == AF_INET && address->any.sa_family == AF_INET6) {
		address->in = (struct sockaddr_in){ .sin_family = AF_INET,
		    .sin_port = listener->address.in6.sin6_port };
		memcpy(&address->in.sin_addr,
		    &listener->address.in6.sin6_addr.s6_addr[12],
		    sizeof(address->in.sin_addr));
		*length = sizeof(address->in);
	}
	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (set_option(listener->fd, SO_REUSEADDR, 1) == 0 &&
	    set_option(fd, SO_REUSEADDR, 1) == 0 &&
	    bind(fd, &address->any, *length) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
change_family(struct adoption *adoption, struct listener *listener, int family)
{
	union address address;
	socklen_t length;
	int fd = open_beside(listener, family, &address, &length);

	set_option(listener->fd, SO_REUSEADDR, 0);
	if (fd == -1)
		return -1;
	set_option(fd, SO_REUSEADDR, 0);
	park(listener->fd, &listener->address, listener->length);
	adoption_replace(adoption, listener, fd);
	listener->address = address;
	listener->length = length;
	return 0;
}

int
datagrams_prepare(struct adoption *adoption, struct listener *listener,
    const struct request *asked)
{
	const union address *ours = &listener->address;

	if (asked->family == AF_UNIX)
		return 0;
	datagrams_step(adoption, listener);
	disconnect(listener->fd);
	if (asked->family == ours->any.sa_family ||
	    (asked->family == AF_INET && !address_is_mapped(ours)))
		return 0;
	if (!listener->inherited)
		return change_family(adoption, listener, asked->family);
	errno = EINVAL;
	return -1;
}

/*
 * Puts a parked socket in the place of the keeper's copy.  That socket has no
 * SO_REUSEPORT: with a connected one among them the others would not share any
 * more (udp4_lib_lookup2() in the kernel's net/ipv4/udp.c).  Sockets with
 * SO_REUSEPORT share the datagrams, and of those with SO_REUSEADDR alone the
 * last one that was bound gets all.  So it does natively where one of two is
 * bound to a wildcard address, and the other, which comes later, to ours.
 */
static int
begin_group(struct adoption *adoption, struct listener *listener,
    const struct request *held, const struct request *asked)
{
	bool both_share = held->share_port && asked->share_port &&
	    address_is_wildcard(&held->address) ==
	    address_is_wildcard(&asked->address);
	struct watch *watch = adoption_watch(adoption, listener);
	union address address;
	socklen_t length;
	int fd;

	fd = open_beside(listener, listener->address.any.sa_family, &address,
	    &length);
	if (fd == -1)
		return -1;
	park(fd, &address, length);
	set_option(listener->fd, SO_REUSEPORT, both_share);
	if (adoption->passes)
		watch->first = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
	adoption_replace(adoption, listener, fd);
	watch->parked = true;
	return 0;
}

int
datagrams_join(struct adoption *adoption, struct listener *listener,
    const struct holder *holder, const struct request *asked)
{
	struct request sharing = *asked;

	if (adoption_is_socket(listener, holder->socket) &&
	    begin_group(adoption, listener, &holder->asked, asked) == -1)
		return -1;
	sharing.share_address = true;
	return second_socket_make(listener, &sharing);
}

static void
let_first_go(struct watch *watch)
{
	const struct listener *listener = watch->listener;

	if (watch->first == -1)
		return;
	park(watch->first, &listener->address, listener->length);
	close(watch->first);
	watch->first = -1;
}

/* Whether any of the sockets is held; forgets the holders of others. */
static bool
is_group_held(struct watch *watch)
{
	struct holder *holder, *next;
	struct stat first = { .st_ino = 0 };
	bool held = false, first_held = false;

	if (watch->first != -1)
		fstat(watch->first, &first);
	for (holder = watch->adoption->holders; holder != NULL;
	    holder = next) {
		next = holder->next;
		if (holder->listener != watch->listener || holder->yielded ||
		    !match_suits(&holder->asked, watch->listener))
			continue;
		if (holders_who_holds(holder) == 0) {
			holders_forget(holder);
			continue;
		}
		held = true;
		first_held |= holder->socket == first.st_ino;
	}
	if (!first_held)
		let_first_go(watch);
	return held;
}

bool
datagrams_step(struct adoption *adoption, struct listener *listener)
{
	struct watch *watch = adoption_watch(adoption, listener);

	if (!watch->parked || listener->fd == -1)
		return false;
	if (is_group_held(watch))
		return true;
	watch->parked = false;
	set_option(listener->fd, SO_REUSEADDR, 0);
	disconnect(listener->fd);
	return false;
}
