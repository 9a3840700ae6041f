#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "handoff.h"

/*
 * A socket that stands where another is to go would be closed by dup2(2):
 * all are moved out of the way before the first is put into its place.
 */
static int
move_away(struct listener *listener, int number, int end)
{
	int fd;

	if (listener->fd == number || listener->fd >= end)
		return 0;
	fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, end);
	if (fd == -1)
		return -1;
	close(listener->fd);
	listener->fd = fd;
	return 0;
}

/* dup2(2) of a descriptor onto itself leaves close-on-exec as it is. */
static int
move_into_place(struct listener *listener, int number,
    const struct console *console)
{
	if (listener->fd != number) {
		if (fcntl(number, F_GETFD) != -1)
			say_detail(console, "fd %d was open and is closed",
			    number);
		if (dup2(listener->fd, number) == -1)
			return -1;
		close(listener->fd);
		listener->fd = number;
	}
	return fcntl(number, F_SETFD, 0);
}

int
handoff_sockets(struct listeners *listeners, const struct console *console,
    struct failure *failure)
{
	int end = FIRST_FD + (int)listeners->count, number;
	struct listener *list = listeners->list;
	size_t i;

	for (i = 0; i < listeners->count; i++)
		if (list[i].reserve != -1) {
			close(list[i].reserve);
			list[i].reserve = -1;
		}
	for (i = 0; i < listeners->count; i++)
		if (move_away(&list[i], FIRST_FD + (int)i, end) == -1)
			return fail(failure, errno, "pass %s", list[i].addr);
	for (i = 0; i < listeners->count; i++) {
		number = FIRST_FD + (int)i;
		if (move_into_place(&list[i], number, console) == -1)
			return fail(failure, errno, "pass %s as fd %d",
			    list[i].addr, number);
	}
	return 0;
}

int
handoff_reserves(struct listeners *listeners, struct failure *failure)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		listener = &listeners->list[i];
		close(listener->fd);
		listener->fd = -1;
		if (listener->reserve != -1 &&
		    fcntl(listener->reserve, F_SETFD, 0) == -1)
			return fail(failure, errno, "reserve %u",
			    listener->port);
	}
	return 0;
}

int
handoff_exec(char *const command[], const struct environment *environment,
    struct failure *failure)
{
	environ = environment->list;
	execvp(command[0], command);
	fail(failure, errno, "execute %s", command[0]);
	return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
}
