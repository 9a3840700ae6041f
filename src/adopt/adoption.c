/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "adopt/adoption.h"

bool
adoption_can_listen(const struct listener *listener)
{
	return listener->fd != -1 && listener->type != SOCK_DGRAM;
}

bool
adoption_is_tcp(const struct listener *listener)
{
	return adoption_can_listen(listener) && !listener_is_unix(listener);
}

bool
adoption_has(const struct listener *listener, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	getsockopt(listener->fd, SOL_SOCKET, option, &value, &length);
	return value != 0;
}

void
adoption_learn_socket(struct listener *listener)
{
	struct stat status;

	listener->socket = listener->fd == -1 ||
	    fstat(listener->fd, &status) == -1 ? 0 : status.st_ino;
}

bool
adoption_is_socket(const struct listener *listener, ino_t inode)
{
	return listener->fd != -1 && inode != 0 && listener->socket == inode;
}

const struct listener *
adoption_find(const struct adoption *adoption, ino_t inode)
{
	const struct listener *list = adoption->listeners->list;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++)
		if (adoption_is_socket(&list[i], inode))
			return &list[i];
	return NULL;
}

struct watch *
adoption_watch(const struct adoption *adoption,
    const struct listener *listener)
{
	return &adoption->watches[listener - adoption->listeners->list];
}

void
adoption_replace(struct adoption *adoption, struct listener *listener, int fd)
{
	events_watch(adoption->events,
	    &adoption_watch(adoption, listener)->source, -1, 0);
	close(listener->fd);
	listener->fd = fd;
	adoption_learn_socket(listener);
	adoption_watch(adoption, listener)->touched = true;
	adoption->look_at = 0;
}

/*
 * Closes queued connections.  On a unix socket they would hang until the last
 * descriptor, perhaps the service's, is closed.
 */
static void
refuse_queued(int fd)
{
	int client;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	while ((client = accept(fd, NULL, NULL)) != -1)
		close(client);
}

/*
 * close(2) alone would leave the service's copy at fd 3 listening.  shutdown(2)
 * ends the listening of the socket itself.
 */
void
adoption_close(struct adoption *adoption, struct listener *listener)
{
	if (listener->fd == -1)
		return;
	if (adoption_can_listen(listener) && !listener->inherited) {
		if (!adoption_is_tcp(listener))
			refuse_queued(listener->fd);
		shutdown(listener->fd, SHUT_RDWR);
	}
	adoption_replace(adoption, listener, -1);
}

void
adoption_close_all(struct adoption *adoption)
{
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++)
		adoption_close(adoption, &adoption->listeners->list[i]);
}

bool
adoption_listen(struct adoption *adoption, struct listener *listener)
{
	char label[LABEL_MAX];
	int on = 1;

	if (!adoption_can_listen(listener) || adoption->services.notify == -1)
		return true;
	/* The service may have cleared it; the reserve would be in the way. */
	if (listener->reserve != -1)
		setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on,
		    sizeof(on));
	if (listen(listener->fd, listener->backlog) == -1)
		return false;
	if (!adoption->stopping)
		log_debug(adoption->log, "%slistening on %s again",
		    listener_label(listener, label), listener->addr);
	return true;
}

void
adoption_close_lost_paths(struct adoption *adoption, pid_t process)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		listener = &adoption->listeners->list[i];
		if (listener->fd != -1 && listener_lost_path(listener)) {
			log_debug(adoption->log, "process %d binds %s "
			    "itself", process, listener->addr);
			adoption_close(adoption, listener);
		}
	}
}
