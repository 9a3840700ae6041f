/* SPDX-License-Identifier: ISC */
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handoff/exec.h"
#include "handoff/explain.h"
#include "process/command.h"

/*
 * dup2(2) would close a socket that is at the target of another one.  So all
 * sockets that are not at their own target move to end or above first.
 */
static int
move_away(struct listener *listener, int target, int end)
{
	int fd;

	if (listener->fd == target || listener->fd >= end)
		return 0;
	fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, end);
	if (fd == -1)
		return -1;
	close(listener->fd);
	listener->fd = fd;
	return 0;
}

static int
replace(int target, int fd, const struct log *log)
{
	if (log->verbosity == VERBOSE && fcntl(target, F_GETFD) != -1)
		log_debug(log, "fd %d was open and is closed", target);
	return dup2(fd, target);
}

/* dup2(2) of a descriptor onto itself does not clear close-on-exec. */
static int
move_into_place(struct listener *listener, int target,
    const struct log *log)
{
	if (listener->fd == target)
		return fcntl(target, F_SETFD, 0);
	if (replace(target, listener->fd, log) == -1)
		return -1;
	close(listener->fd);
	listener->fd = target;
	return 0;
}

/*
 * As inetd(8) does with "wait".  inetd passes the socket as standard error too;
 * portexec does not.
 */
static int
pass_as_standard(struct launch *launch, struct failure *failure)
{
	struct listener *only = &launch->listeners.list[0];

	if (replace(STDOUT_FILENO, only->fd, &launch->log) == -1 ||
	    move_into_place(only, STDIN_FILENO, &launch->log) == -1)
		return fail(failure, errno, "pass %s as fds 0 and 1",
		    only->addr);
	return 0;
}

static int
pass_sockets(struct launch *launch, struct failure *failure)
{
	struct listener *list = launch->listeners.list;
	size_t i, count = launch->listeners.count;
	int end = FIRST_FD + (int)count;	/* of the range of targets */
	int fd;

	for (i = 0; i < count; i++)
		if (list[i].reserve != -1) {
			close(list[i].reserve);
			list[i].reserve = -1;
		}
	if (launch->audience == AUDIENCE_INETD)
		return pass_as_standard(launch, failure);
	/*
	 * Two passes: first every socket that is not at its own target leaves
	 * the range of targets, then each goes to its own.
	 */
	for (i = 0; i < count; i++)
		if (move_away(&list[i], FIRST_FD + (int)i, end) == -1)
			return fail(failure, errno, "pass %s", list[i].addr);
	for (i = 0; i < count; i++) {
		fd = FIRST_FD + (int)i;
		if (move_into_place(&list[i], fd, &launch->log) == -1)
			return fail(failure, errno, "pass %s as fd %d",
			    list[i].addr, fd);
	}
	return 0;
}

static int
pass_reserves(struct launch *launch, struct failure *failure)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < launch->listeners.count; i++) {
		listener = &launch->listeners.list[i];
		close(listener->fd);
		listener->fd = -1;
		if (listener->reserve != -1 &&
		    fcntl(listener->reserve, F_SETFD, 0) == -1)
			return fail(failure, errno, "reserve %u",
			    listener->port);
	}
	return 0;
}

/*
 * Waits for the first connection or datagram and leaves it in its queue.
 * Returns 0, the signal that came first, or -1 with the reason in failure.
 */
static int
await_demand(struct launch *launch, struct failure *failure)
{
	const struct listeners *listeners = &launch->listeners;
	struct signalfd_siginfo signal;
	struct pollfd *polls;
	nfds_t i, count = listeners->count + 1;
	int fd, status;

	signals_hold(&launch->signals);
	fd = signalfd(-1, &launch->signals.held, SFD_CLOEXEC);
	if (fd == -1)
		return fail(failure, errno, "wait for a client");
	polls = calloc(count, sizeof(*polls));
	if (polls == NULL) {
		close(fd);
		return fail(failure, 0, "out of memory");
	}
	polls[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
	for (i = 1; i < count; i++)
		polls[i] = (struct pollfd){ .fd = listeners->list[i - 1].fd,
		    .events = POLLIN };
	log_debug(&launch->log, "waiting for the first connection or "
	    "datagram");
	do
		status = poll(polls, count, -1);
	while (status == -1 && errno == EINTR);
	if (status == -1)
		fail(failure, errno, "wait for a client");
	else
		status = polls[0].revents != 0 && read(fd, &signal,
		    sizeof(signal)) == sizeof(signal) ?
		    (int)signal.ssi_signo : 0;
	close(fd);
	free(polls);
	return status;
}

static int
execute(const struct launch *launch, char *const command[],
    const struct environment *environment, struct failure *failure)
{
	struct signals ignored;

	log_debug(&launch->log, "executing %s", command[0]);
	signals_restore(&launch->signals);
	environ = environment->list;
	command_execute(command);
	explain_execute(launch->options, command, errno, failure);
	signals_save(&ignored);
	return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
}

int
exec_prepare(struct launch *launch, bool for_client, struct failure *failure)
{
	environment_free(&launch->environment);
	return environment_make(&launch->environment, environ,
	    &launch->listeners, launch->options, launch->audience, for_client,
	    failure);
}

void
exec_identify(struct launch *launch)
{
	struct identity self;

	if (launch->environment.pid == NULL)
		return;
	self = listen_fds_identify();
	environment_identify(&launch->environment, &self);
}

struct outcome
exec_service(struct launch *launch, struct failure *failure)
{
	struct outcome outcome = { .status = STATUS_FAILED };
	char **inherited = environ;

	if (launch->options->on_demand &&
	    (outcome.signal = await_demand(launch, failure)) != 0) {
		if (outcome.signal == -1)
			outcome.signal = 0;
		return outcome;
	}
	if ((launch->handoff == RESERVE ? pass_reserves(launch, failure) :
	    launch->audience == AUDIENCE_WITHOUT_FDS ? 0 :
	    pass_sockets(launch, failure)) == -1)
		return outcome;
	outcome.status = execute(launch, launch->command,
	    &launch->environment, failure);
	environ = inherited;
	return outcome;
}

void
exec_client(struct launch *launch, struct failure *failure)
{
	char shell[] = "/bin/sh", option[] = "-c";
	char *command[] = { shell, option, launch->script, NULL };

	execute(launch, command, &launch->environment, failure);
}

/* Returns the PATH that will be used; that of -e is not expanded. */
static const char *
search_path(const struct launch *launch)
{
	const char *path = options_variable(launch->options, "PATH");

	return path == NULL ? COMMAND_PATH : path;
}

bool
exec_is_set_id(const struct launch *launch)
{
	const char *name = launch->command[0], *path = search_path(launch);
	char file[PATH_MAX];
	struct stat status;

	if (strchr(name, '/') != NULL)
		return stat(name, &status) == 0 &&
		    (status.st_mode & (S_ISUID | S_ISGID)) != 0;
	while (command_next(name, &path, file))
		if (access(file, X_OK) == 0 && stat(file, &status) == 0 &&
		    S_ISREG(status.st_mode))
			return (status.st_mode & (S_ISUID | S_ISGID)) != 0;
	return false;
}
