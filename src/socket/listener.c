/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "socket/listener.h"

/* Descriptors 0, 1 and 2 belong to the caller, even if they are closed. */
int
socket_open(int family, int type)
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

void
listener_describe(struct listener *listener)
{
	listener->port = address_port(&listener->address);
	address_describe(&listener->address, listener->length, listener->host,
	    listener->addr);
}

const char *
listener_label(const struct listener *listener, char label[LABEL_MAX])
{
	label[0] = '\0';
	if (listener->name[0] != '\0' && strcmp(listener->name,
	    SPEC_UNNAMED) != 0)
		snprintf(label, LABEL_MAX, "%s: ", listener->name);
	return label;
}

bool
listener_is_unix(const struct listener *listener)
{
	return listener->host[0] == '\0';
}

bool
listeners_have_unix(const struct listeners *listeners)
{
	size_t i;

	for (i = 0; i < listeners->count; i++)
		if (listener_is_unix(&listeners->list[i]))
			return true;
	return false;
}

bool
listeners_need_directory(const struct listeners *listeners)
{
	const struct listener *listener;
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		listener = &listeners->list[i];
		if (address_has_path(&listener->address, listener->length) &&
		    listener->address.un.sun_path[0] != '/')
			return true;
	}
	return false;
}

int
listener_learn_address(struct listener *listener)
{
	listener->length = sizeof(listener->address);
	if (getsockname(listener->fd, &listener->address.any,
	    &listener->length) == -1)
		return -1;
	listener_describe(listener);
	return 0;
}

struct listener *
listeners_append(struct listeners *listeners)
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

void
socket_remove_stale_path(const union address *address, socklen_t length,
    int type)
{
	const char *path = address->un.sun_path;
	struct stat status;
	int fd;

	if (!address_has_path(address, length) || lstat(path, &status) == -1 ||
	    !S_ISSOCK(status.st_mode))
		return;
	fd = socket_open(AF_UNIX, type | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	/* A live socket of another type says EPROTOTYPE. */
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

static void
discard(struct listener *listener)
{
	close_socket(&listener->fd);
	close_socket(&listener->reserve);
	if (listener->inode == 0 || listener->inherited)
		return;
	/* The service may have bound a socket of its own at our path. */
	if (listener_lost_path(listener))
		socket_remove_stale_path(&listener->address, listener->length,
		    listener->type);
	else
		unlink(listener->address.un.sun_path);
}

void
listeners_truncate(struct listeners *listeners, size_t count)
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
		listeners_truncate(listeners, 0);
	listeners->count = 0;
	free(listeners->list);
	listeners->list = NULL;
}

void
listener_remember_path(struct listener *listener)
{
	struct stat status;

	if (!address_has_path(&listener->address, listener->length) ||
	    lstat(listener->address.un.sun_path, &status) == -1)
		return;
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
}

const struct listener *
listeners_find(const struct listeners *listeners, const char *text,
    size_t length)
{
	size_t i, index = 0;

	if (text == NULL)
		return listeners->count > 0 ? &listeners->list[0] : NULL;
	for (i = 0; i < listeners->count; i++)
		if (strlen(listeners->list[i].name) == length &&
		    memcmp(listeners->list[i].name, text, length) == 0)
			return &listeners->list[i];
	for (i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' ||
		    index >= listeners->count)
			return NULL;
		index = index * 10 + (size_t)(text[i] - '0');
	}
	return index < listeners->count ? &listeners->list[index] : NULL;
}

int
listeners_listen(struct listeners *listeners, bool optional,
    struct failure *failure)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		listener = &listeners->list[i];
		if (listener->type != SOCK_DGRAM && !listener->inherited &&
		    (optional || !listener->optional) &&
		    listen(listener->fd, listener->backlog) == -1)
			return fail(failure, errno, "listen on %s",
			    listener->addr);
	}
	return 0;
}
