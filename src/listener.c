#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listener.h"

enum { TRIES = 64 };	/* numbers that a group may try */

/* The standard three are the caller's, also where they are closed. */
static int
open_socket(int family, int type)
{
	int fd, high, error;

	fd = socket(family, type | SOCK_CLOEXEC, 0);
	if (fd == -1 || fd >= FIRST_FD)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
	error = errno;
	close(fd);
	errno = error;
	return high;
}

static void
close_socket(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static int
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

void
listener_describe(struct listener *listener)
{
	listener->port = address_port(&listener->address);
	address_host(&listener->address, listener->host);
	address_format(&listener->address, listener->length, listener->addr);
}

bool
listener_is_unix(const struct listener *listener)
{
	return listener->host[0] == '\0';
}

static int
learn_address(struct listener *listener)
{
	listener->length = sizeof(listener->address);
	if (getsockname(listener->fd, &listener->address.any,
	    &listener->length) == -1)
		return -1;
	listener_describe(listener);
	return 0;
}

static struct listener *
append(struct listeners *listeners)
{
	struct listener *list, *listener;

	list = reallocarray(listeners->list, listeners->count + 1,
	    sizeof(*list));
	if (list == NULL)
		return NULL;
	listeners->list = list;
	listener = &list[listeners->count++];
	memset(listener, 0, sizeof(*listener));
	listener->fd = listener->reserve = -1;
	return listener;
}

/* A socket that nobody holds refuses; a live one of another type differs. */
static void
remove_stale_path(const union address *address, socklen_t length, int type)
{
	const char *path = address->un.sun_path;
	struct stat status;
	int fd;

	if (!address_has_path(address, length) || lstat(path, &status) == -1 ||
	    !S_ISSOCK(status.st_mode))
		return;
	fd = open_socket(AF_UNIX, type | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	if (connect(fd, &address->any, length) == -1 &&
	    errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

bool
listener_lost_path(const struct listener *listener)
{
	struct stat status;

	return listener->inode != 0 &&
	    (lstat(listener->address.un.sun_path, &status) == -1 ||
	    status.st_dev != listener->device ||
	    status.st_ino != listener->inode);
}

/* A service may have put a socket of its own in the place of our path. */
static void
discard(struct listener *listener)
{
	close_socket(&listener->fd);
	close_socket(&listener->reserve);
	if (listener->inode == 0 || listener->inherited)
		return;
	if (listener_lost_path(listener))
		remove_stale_path(&listener->address, listener->length,
		    listener->type);
	else
		unlink(listener->address.un.sun_path);
}

static void
truncate_list(struct listeners *listeners, size_t count)
{
	while (listeners->count > count)
		discard(&listeners->list[--listeners->count]);
}

void
listeners_close(struct listeners *listeners)
{
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		close_socket(&listeners->list[i].fd);
		close_socket(&listeners->list[i].reserve);
	}
}

void
listeners_discard(struct listeners *listeners, bool ran)
{
	if (ran)
		listeners_close(listeners);
	else
		truncate_list(listeners, 0);
	listeners->count = 0;
	free(listeners->list);
	listeners->list = NULL;
}

/* As listen(2) set it, where the kernel tells; else the longest. */
static int
queue_limit(int fd)
{
	struct tcp_info information;
	socklen_t length = sizeof(information);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &information, &length) == -1)
		return INT_MAX;
	return (int)information.tcpi_sacked;
}

static void
remember_path(struct listener *listener)
{
	struct stat status;

	if (!address_has_path(&listener->address, listener->length) ||
	    lstat(listener->address.un.sun_path, &status) == -1)
		return;
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
}

int
listeners_inherit(struct listeners *listeners, size_t count,
    char *const names[], struct failure *failure)
{
	struct listener *listener;
	socklen_t length;
	size_t i;
	int type;

	for (i = 0; i < count; i++) {
		length = sizeof(type);
		if (getsockopt(FIRST_FD + (int)i, SOL_SOCKET, SO_TYPE, &type,
		    &length) == -1)
			return fail(failure, errno, "inherited fd %zu",
			    FIRST_FD + i);
	}
	for (i = 0; i < count; i++) {
		listener = append(listeners);
		if (listener == NULL)
			return fail(failure, errno, "inherited sockets");
		listener->inherited = true;
		listener->fd = FIRST_FD + (int)i;
		length = sizeof(listener->type);
		getsockopt(listener->fd, SOL_SOCKET, SO_TYPE, &listener->type,
		    &length);
		strlcpy(listener->name, names[i], sizeof(listener->name));
		listener->backlog = queue_limit(listener->fd);
		if (fcntl(listener->fd, F_SETFD, FD_CLOEXEC) == -1 ||
		    learn_address(listener) == -1)
			return fail(failure, errno, "inherited fd %d",
			    listener->fd);
		remember_path(listener);
	}
	return 0;
}

static int
bind_path(int fd, const struct endpoint *endpoint)
{
	int mode = endpoint->option[OPTION_MODE], result;
	mode_t mask;

	mask = umask((mode_t)(mode == -1 ? 0177 : 0777 & ~mode));
	result = bind(fd, &endpoint->address.any, endpoint->length);
	umask(mask);
	return result;
}

static int
set_options(int fd, const struct endpoint *endpoint)
{
	const int *option = endpoint->option;

	if (endpoint->address.any.sa_family == AF_INET6 &&
	    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
	    option[OPTION_V6ONLY] == 1) == -1)
		return -1;
	/* For UDP it would let the kernel give one number twice. */
	if (endpoint_is_tcp(endpoint) &&
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

/* Returns a socket with the endpoint's options and address, or -1. */
static int
open_bound(const struct endpoint *wanted)
{
	struct endpoint endpoint = *wanted;
	int type = endpoint.type, error, fd;

	if (endpoint.option[OPTION_NONBLOCK] == 1)
		type |= SOCK_NONBLOCK;
	fd = open_socket(endpoint.address.any.sa_family, type);
	if (fd == -1 && errno == EAFNOSUPPORT && endpoint.any) {
		endpoint.address.in =
		    (struct sockaddr_in){ .sin_family = AF_INET };
		address_set_port(&endpoint.address,
		    address_port(&wanted->address));
		endpoint.length = sizeof(endpoint.address.in);
		fd = open_socket(AF_INET, type);
	}
	if (fd == -1)
		return -1;
	if (set_options(fd, &endpoint) == 0 &&
	    (address_has_path(&endpoint.address, endpoint.length) ?
	    bind_path(fd, &endpoint) :
	    bind(fd, &endpoint.address.any, endpoint.length)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/*
 * A number that is in use on another address only is reserved on the
 * endpoint's own address.
 */
static int
open_reserve(const struct endpoint *endpoint)
{
	struct endpoint everywhere = *endpoint;
	int fd;

	everywhere.any = true;
	everywhere.address.in6 = (struct sockaddr_in6){
	    .sin6_family = AF_INET6 };
	everywhere.length = sizeof(everywhere.address.in6);
	everywhere.option[OPTION_V6ONLY] = -1;
	address_set_port(&everywhere.address, address_port(&endpoint->address));
	fd = open_bound(&everywhere);
	if (fd == -1 && errno == EADDRINUSE &&
	    address_port(&endpoint->address) != 0)
		fd = open_bound(endpoint);
	return fd;
}

static int
settle_interface(struct endpoint *endpoint)
{
	unsigned index;

	if (endpoint->interface[0] == '\0')
		return 0;
	index = if_nametoindex(endpoint->interface);
	if (index == 0)
		return -1;
	endpoint->address.in6.sin6_scope_id = index;
	return 0;
}

static int
take_number(struct listener *listener, struct endpoint *endpoint)
{
	union address address;
	socklen_t length = sizeof(address);

	listener->reserve = open_reserve(endpoint);
	if (listener->reserve == -1 || getsockname(listener->reserve,
	    &address.any, &length) == -1)
		return -1;
	address_set_port(&endpoint->address, address_port(&address));
	return 0;
}

/* Takes from the listener the socket that holds its number. */
static int
take_holder(struct listener *listener)
{
	int *holder = listener->reserve != -1 ? &listener->reserve :
	    &listener->fd;
	int fd = *holder;

	*holder = -1;
	return fd;
}

/* Under somebody's adopt a bind may be given a socket that listens. */
static bool
is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof(listening);

	return fd != -1 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN,
	    &listening, &length) == 0 && listening != 0;
}

/*
 * Binds one member of a group to *number, or where that is 0 to a number
 * of the kernel's choice, which it stores there.
 */
static int
bind_member(struct listener *listener, const struct endpoint *wanted,
    unsigned *number)
{
	struct endpoint endpoint = *wanted;

	address_set_port(&endpoint.address, *number);
	listener->type = endpoint.type;
	listener->address = endpoint.address;
	listener->length = endpoint.length;
	listener->backlog = endpoint.option[OPTION_BACKLOG] == -1 ?
	    INT_MAX : endpoint.option[OPTION_BACKLOG];
	strlcpy(listener->name, endpoint.name, sizeof(listener->name));
	listener_describe(listener);
	if (settle_interface(&endpoint) == -1)
		return -1;
	if (endpoint_is_tcp(&endpoint) && !endpoint.joined) {
		if (take_number(listener, &endpoint) == -1)
			return -1;
		*number = address_port(&endpoint.address);
	}
	listener->fd = is_listening(listener->reserve) ?
	    take_holder(listener) : open_bound(&endpoint);
	if (listener->fd == -1)
		return -1;
	remember_path(listener);
	if (learn_address(listener) == -1)
		return -1;
	*number = listener->port;
	return 0;
}

/* Whether the next try, with another number, may succeed where one failed. */
static bool
was_taken(const struct endpoint *first, unsigned number)
{
	return errno == EADDRINUSE && number != 0 &&
	    address_port(&first->address) == 0;
}

/* Appends the members of a group that the number has room for; 0, or -1. */
static int
try_group(struct listeners *listeners, const struct endpoint *group,
    size_t size, unsigned *number)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < size; i++) {
		listener = append(listeners);
		if (listener == NULL)
			return -1;
		if (bind_member(listener, &group[i], number) == 0)
			continue;
		if (!group[i].dispensable ||
		    (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT))
			return -1;
		truncate_list(listeners, listeners->count - 1);
	}
	return 0;
}

/*
 * A number that was not free for the whole group is held to the end: else
 * the kernel may offer the same again and again.
 */
static int
bind_group(struct listeners *listeners, const struct endpoint *group,
    size_t size, struct failure *failure)
{
	size_t start = listeners->count, tries = 0;
	int held[TRIES], result;
	unsigned number = address_port(&group->address);

	while ((result = try_group(listeners, group, size, &number)) == -1 &&
	    was_taken(group, number) && tries < TRIES) {
		held[tries++] = take_holder(&listeners->list[start]);
		truncate_list(listeners, start);
		number = 0;
	}
	if (result == -1 && tries > 0)
		fail(failure, errno, "listen on '%s': no number was free for "
		    "all of it in %zu tries", group->spec, tries);
	else if (result == -1)
		fail(failure, errno, "listen on %s",
		    listeners->count == start || group->interface[0] != '\0' ?
		    group->spec : listeners->list[listeners->count - 1].addr);
	while (tries > 0)
		close(held[--tries]);
	return result;
}

int
listeners_bind(struct listeners *listeners, const struct endpoint *endpoints,
    size_t count, struct failure *failure)
{
	size_t first, size;

	for (first = 0; first < count; first++)
		remove_stale_path(&endpoints[first].address,
		    endpoints[first].length, endpoints[first].type);
	for (first = 0; first < count; first += size) {
		for (size = 1; first + size < count &&
		    endpoints[first + size].joined; size++)
			;
		if (bind_group(listeners, &endpoints[first], size,
		    failure) == -1)
			return -1;
	}
	return 0;
}

const struct listener *
listeners_find(const struct listeners *listeners, const char *text,
    size_t length)
{
	size_t i, number = 0;

	if (text == NULL)
		return listeners->count > 0 ? &listeners->list[0] : NULL;
	for (i = 0; i < listeners->count; i++)
		if (strlen(listeners->list[i].name) == length &&
		    memcmp(listeners->list[i].name, text, length) == 0)
			return &listeners->list[i];
	for (i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' ||
		    number >= listeners->count)
			return NULL;
		number = number * 10 + (size_t)(text[i] - '0');
	}
	return number < listeners->count ? &listeners->list[number] : NULL;
}

int
listeners_listen(struct listeners *listeners, struct failure *failure)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		listener = &listeners->list[i];
		if (listener->type != SOCK_DGRAM && !listener->inherited &&
		    listen(listener->fd, listener->backlog) == -1)
			return fail(failure, errno, "listen on %s",
			    listener->addr);
	}
	return 0;
}
