/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket/bind.h"
#include "socket/listen_fds.h"
#include "socket/occupant.h"

enum { TRIES = 64 };	/* ports that are tried for a group */

static int
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int
bind_path(int fd, const struct spec *spec)
{
	int mode = spec->option[OPTION_MODE], result;
	mode_t mask;

	mask = umask((mode_t)(mode == -1 ? 0177 : 0777 & ~mode));
	result = bind(fd, &spec->address.any, spec->length);
	umask(mask);
	return result;
}

static int
set_options(int fd, const struct spec *spec, bool shares)
{
	const int *option = spec->option;

	if (spec->address.any.sa_family == AF_INET6 &&
	    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
	    option[OPTION_V6ONLY] == 1) == -1)
		return -1;
	if (shares &&
	    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1)
		return -1;
	if (option[OPTION_REUSEPORT] == 1 &&
	    set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) == -1)
		return -1;
	if (option[OPTION_RCVBUF] != -1 &&
	    set_option(fd, SOL_SOCKET, SO_RCVBUF, option[OPTION_RCVBUF]) == -1)
		return -1;
	if (option[OPTION_SNDBUF] != -1 &&
	    set_option(fd, SOL_SOCKET, SO_SNDBUF, option[OPTION_SNDBUF]) == -1)
		return -1;
	return 0;
}

/*
 * Returns a socket with the options and the address of the spec, or -1 and
 * errno.  It has SO_REUSEADDR if it shares its port.  A kernel without IPv6
 * gets 0.0.0.0 for "*".
 */
static int
open_bound(const struct spec *wanted, bool shares)
{
	struct spec spec = *wanted;
	int type = spec.type, error, fd;

	if (spec.option[OPTION_NONBLOCK] == 1)
		type |= SOCK_NONBLOCK;
	fd = socket_open(spec.address.any.sa_family, type);
	if (fd == -1 && errno == EAFNOSUPPORT && spec.wildcard) {
		spec.address.in =
		    (struct sockaddr_in){ .sin_family = AF_INET };
		address_set_port(&spec.address,
		    address_port(&wanted->address));
		spec.length = sizeof(spec.address.in);
		fd = socket_open(AF_INET, type);
	}
	if (fd == -1)
		return -1;
	if (set_options(fd, &spec, shares) == 0 &&
	    (address_has_path(&spec.address, spec.length) ?
	    bind_path(fd, &spec) :
	    bind(fd, &spec.address.any, spec.length)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/*
 * Binds the reserve socket to the port on every address.  If the user gave the
 * port, and it is in use on some other address, binds the reserve to the spec's
 * own address only.
 */
static int
open_reserve(const struct spec *spec)
{
	struct spec everywhere = *spec;
	int fd;

	everywhere.wildcard = true;	/* 0.0.0.0 without IPv6 */
	everywhere.address.in6 = (struct sockaddr_in6){
	    .sin6_family = AF_INET6 };
	everywhere.length = sizeof(everywhere.address.in6);
	everywhere.option[OPTION_V6ONLY] = -1;	/* not given: IPv4 too */
	address_set_port(&everywhere.address, address_port(&spec->address));
	fd = open_bound(&everywhere, true);
	if (fd == -1 && errno == EADDRINUSE &&
	    address_port(&spec->address) != 0)
		fd = open_bound(spec, true);
	return fd;
}

/*
 * Binds the socket of spec to the port of first, which was bound to port 0, and
 * puts it in the place of first.  With SO_REUSEADDR on both, neither excludes
 * the other.  Closes first if it fails.
 */
static int
take_over(int first, struct spec *spec)
{
	union address address;
	socklen_t length = sizeof(address);
	int error, fd = -1, status = -1;

	if (getsockname(first, &address.any, &length) == 0 &&
	    set_option(first, SOL_SOCKET, SO_REUSEADDR, 1) == 0) {
		address_set_port(&spec->address, address_port(&address));
		fd = open_bound(spec, true);
	}
	if (fd != -1 && set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0) == 0)
		status = dup3(fd, first, O_CLOEXEC);
	error = errno;
	if (fd != -1)
		close(fd);
	if (status == -1)
		close(first);
	errno = error;
	return status;
}

/*
 * Opens the socket of a spec for UDP.  The kernel is to find a port that
 * nobody has: with SO_REUSEADDR or SO_REUSEPORT it may choose one that another
 * socket with that option has (udp_lib_lport_inuse() in its net/ipv4/udp.c).
 */
static int
open_datagrams(struct spec *spec)
{
	struct spec alone = *spec;
	int first;

	if (address_port(&spec->address) != 0)
		return open_bound(spec, false);
	alone.option[OPTION_REUSEPORT] = -1;
	first = open_bound(&alone, false);
	return first == -1 ? -1 : take_over(first, spec);
}

static int
open_socket(struct spec *spec)
{
	if (spec->type == SOCK_DGRAM &&
	    spec->address.any.sa_family != AF_UNIX)
		return open_datagrams(spec);
	return open_bound(spec, spec_is_tcp(spec));
}

static int
settle_interface(struct spec *spec)
{
	unsigned index;

	if (spec->interface[0] == '\0')
		return 0;
	index = if_nametoindex(spec->interface);
	if (index == 0)
		return -1;
	spec->address.in6.sin6_scope_id = index;
	return 0;
}

static int
take_port(struct listener *listener, struct spec *spec)
{
	union address address;
	socklen_t length = sizeof(address);

	listener->reserve = open_reserve(spec);
	if (listener->reserve == -1 || getsockname(listener->reserve,
	    &address.any, &length) == -1)
		return -1;
	address_set_port(&spec->address, address_port(&address));
	return 0;
}

/* Takes from the listener the socket that holds its port, and returns it. */
static int
take_port_holder(struct listener *listener)
{
	int *holder = listener->reserve != -1 ? &listener->reserve :
	    &listener->fd;
	int fd = *holder;

	*holder = -1;
	return fd;
}

/*
 * Under another portexec's adopt, bind(2) may have put a listening socket in
 * the place of ours.
 */
static bool
is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	return fd != -1 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN,
	    &listening, &length) == 0 && listening != 0;
}

/* Sets all of the listener that does not take a socket. */
static void
set_out(struct listener *listener, const struct spec *spec, unsigned port)
{
	listener->type = spec->type;
	listener->address = spec->address;
	address_set_port(&listener->address, port);
	listener->length = spec->length;
	listener->optional = spec->optional;
	listener->backlog = spec->option[OPTION_BACKLOG] == -1 ?
	    INT_MAX : spec->option[OPTION_BACKLOG];
	strlcpy(listener->name, spec->name, sizeof(listener->name));
	listener_describe(listener);
}

/*
 * Binds one member of a group to *port.  If that is 0, the kernel chooses the
 * port, which is stored there.
 */
static int
bind_member(struct listener *listener, const struct spec *wanted,
    unsigned *port)
{
	struct spec spec = *wanted;

	address_set_port(&spec.address, *port);
	set_out(listener, wanted, *port);
	if (settle_interface(&spec) == -1)
		return -1;
	if (spec_is_tcp(&spec) && !spec.same_port) {
		if (take_port(listener, &spec) == -1)
			return -1;
		*port = address_port(&spec.address);
	}
	listener->fd = is_listening(listener->reserve) ?
	    take_port_holder(listener) : open_socket(&spec);
	if (listener->fd == -1)
		return -1;
	listener_remember_path(listener);
	if (listener_learn_address(listener) == -1)
		return -1;
	*port = listener->port;
	return 0;
}

/*
 * Returns whether errno says that the port was in use, and another try may get
 * another port.
 */
static bool
was_taken(const struct spec *first, unsigned port)
{
	return errno == EADDRINUSE && port != 0 &&
	    address_port(&first->address) == 0;
}

/* Returns whether errno says that the host does not have the address. */
static bool
was_missing(void)
{
	return errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT;
}

static int
append_bound(struct listeners *listeners, const struct spec *spec,
    unsigned *port)
{
	struct listener *listener = listeners_append(listeners);

	return listener == NULL ? -1 : bind_member(listener, spec, port);
}

/* Appends one member of a group.  Without 127.0.0.1, takes [::1] for it. */
static int
append_member(struct listeners *listeners, const struct spec *wanted,
    unsigned *port)
{
	struct spec other = *wanted;
	unsigned given = *port;
	int error;

	if (append_bound(listeners, wanted, port) == 0)
		return 0;
	if (!wanted->loopback || !was_missing())
		return -1;
	other.address.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	other.length = sizeof(other.address.in6);
	error = errno;
	listeners_truncate(listeners, listeners->count - 1);
	*port = given;
	if (append_bound(listeners, &other, port) == 0)
		return 0;
	if (!was_missing())
		return -1;
	/* Neither is there: the failure is that of the first. */
	set_out(&listeners->list[listeners->count - 1], wanted, given);
	errno = error;
	return -1;
}

/*
 * Appends all members of a group.  Leaves an optional one out if its address is
 * missing, or was taken for that of the one before it.
 */
static int
try_group(struct listeners *listeners, const struct spec *group,
    size_t size, unsigned *port)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (group[i].optional && listeners->list[
		    listeners->count - 1].address.any.sa_family == AF_INET6)
			continue;
		if (append_member(listeners, &group[i], port) == 0)
			continue;
		if (!group[i].optional || !was_missing())
			return -1;
		listeners_truncate(listeners, listeners->count - 1);
	}
	return 0;
}

/* Says, by errno, why the last of the listeners from start could not be had. */
static void
refuse(const struct listeners *listeners, size_t start,
    const struct spec *group, struct failure *failure)
{
	const struct listener *last = &listeners->list[listeners->count - 1];
	char label[LABEL_MAX];
	int error = errno;

	if (listeners->count == start || group->interface[0] != '\0')
		fail(failure, error, "listen on %s", group->text);
	else {
		fail(failure, error, "%slisten on %s", listener_label(last,
		    label), last->addr);
		occupant_explain(last, error, failure);
	}
}

/*
 * If the kernel's port is in use for another member of the group, tries another
 * port.  Keeps the refused ports bound until this function returns: otherwise
 * the kernel may choose one of them again.
 */
static int
bind_group(struct listeners *listeners, const struct spec *group,
    size_t size, struct failure *failure)
{
	size_t start = listeners->count, tries = 0;
	int refused[TRIES], result;
	unsigned port = address_port(&group->address);

	while ((result = try_group(listeners, group, size, &port)) == -1 &&
	    was_taken(group, port) && tries < TRIES) {
		refused[tries++] = take_port_holder(&listeners->list[start]);
		listeners_truncate(listeners, start);
		port = 0;
	}
	if (result == -1 && tries > 0 && errno == EADDRINUSE)
		fail(failure, errno, "listen on '%s': no number was free for "
		    "all of it in %zu tries", group->text, tries);
	else if (result == -1)
		refuse(listeners, start, group, failure);
	while (tries > 0)
		close(refused[--tries]);
	return result;
}

int
listeners_bind(struct listeners *listeners, const struct spec *specs,
    size_t count, struct failure *failure)
{
	size_t first, size;

	/*
	 * Before any bind(2): a path that was just bound, and does not listen
	 * yet, would look stale too.
	 */
	for (first = 0; first < count; first++)
		socket_remove_stale_path(&specs[first].address,
		    specs[first].length, specs[first].type);
	for (first = 0; first < count; first += size) {
		if (specs[first].fd != 0) {
			size = 1;
			if (listeners_inherit_one(listeners, specs[first].fd,
			    specs[first].name, failure) == -1)
				return -1;
			continue;
		}
		for (size = 1; first + size < count &&
		    specs[first + size].same_port; size++)
			;
		if (bind_group(listeners, &specs[first], size,
		    failure) == -1)
			return -1;
	}
	return 0;
}
