/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handoff/variables.h"
#include "process/events.h"
#include "process/sigmask.h"
#include "process/standard.h"
#include "supervise/background.h"
#include "supervise/channel.h"
#include "supervise/spawn.h"
#include "supervise/stop.h"

/* What the first process knows of the background process. */
struct start {
	struct launch	*launch;
	struct child	 child;		/* the background process */
	int		 channel;	/* owned */
	int		 signals;	/* signalfd(2); owned */
	int		 told;		/* the stop signal that came; 0: none */
};

int
background_check(struct failure *failure)
{
	return fcntl(STDOUT_FILENO, F_GETFD) != -1 ? 0 :
	    fail(failure, errno, "write standard output");
}

/* Moves fd to least or above.  Returns its new number, or -1 and errno. */
static int
move_up(int fd, int least)
{
	int error, high = fcntl(fd, F_DUPFD_CLOEXEC, least);

	error = errno;
	close(fd);
	errno = error;
	return high;
}

/*
 * Makes the channel.  The background process's end is out of the way of the
 * sockets, which go to FIRST_FD and up; and neither end takes a standard
 * descriptor that the caller has closed.
 */
static int
open_channel(const struct launch *launch, int ends[2])
{
	if (channel_open(ends) == -1)
		return -1;
	ends[0] = move_up(ends[0], FIRST_FD);
	ends[1] = move_up(ends[1], FIRST_FD + (int)launch->listeners.count);
	if (ends[0] != -1 && ends[1] != -1)
		return 0;
	close(ends[0]);
	close(ends[1]);
	errno = EMFILE;
	return -1;
}

/*
 * In the background process.  While COMMAND is not executed, the death of the
 * first process ends it too: that one may have died before prctl(2), and then
 * is not the parent any more.
 */
static int
detach(struct launch *launch, pid_t first, const sigset_t *held,
    struct failure *failure)
{
	setsid();
	prctl(PR_SET_PDEATHSIG, sigismember(held, SIGTERM) ? SIGTERM :
	    SIGKILL, 0, 0, 0);
	if (getppid() != first)
		return fail(failure, 0, "-b: the first process was killed");
	if (standard_silence_input() == -1)
		return fail(failure, errno, "-b: standard input");
	if (standard_leave_output() == -1)
		return fail(failure, errno, "-b: standard output");
	sigmask_change(SIG_SETMASK, &launch->signals.mask, NULL);
	signals_hold(&launch->signals);
	return 0;
}

/* Returns whether the background process has ended. */
static bool
reap(struct start *start)
{
	struct child *const list[] = { &start->child };

	children_reap(list, 1);
	return start->child.ended;
}

/* Reads a signal.  Returns it, or 0 for SIGCHLD and where there is none. */
static int
read_signal(const struct start *start)
{
	struct signalfd_siginfo signal;

	if (read(start->signals, &signal, sizeof(signal)) != sizeof(signal) ||
	    signal.ssi_signo == SIGCHLD)
		return 0;
	return (int)signal.ssi_signo;
}

/* Its end is near. */
static void
await_child(struct start *start)
{
	struct pollfd poll_one = { .fd = start->signals, .events = POLLIN };

	while (!reap(start))
		if (poll(&poll_one, 1, -1) == 1)
			read_signal(start);
}

/* Waits up to timeout for a signal.  Returns whether it is a stop signal. */
static bool
is_told_again(const struct start *start, int timeout)
{
	struct pollfd poll_one = { .fd = start->signals, .events = POLLIN };

	return poll(&poll_one, 1, timeout) == 1 && read_signal(start) != 0;
}

/*
 * Signals the background process, which has the time of -k to end.  Then all
 * that is left of it is stopped; at once if another stop signal comes.
 */
static void
stop(struct start *start, int signo)
{
	int grace = start->launch->options->kill_after;
	int64_t left, end = events_clock() + grace;
	struct child *const list[] = { &start->child };
	struct pids told = { NULL, 0 };
	struct stop rest;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (!reap(start)) {
		kill(start->child.pid, signo);
		kill(start->child.pid, SIGCONT);
	}
	while (!reap(start) && (left = end - events_clock()) > 0)
		if (is_told_again(start, (int)left))
			break;
	if (!start->child.ended)
		kill(start->child.pid, SIGKILL);
	stop_begin(&rest, &told, 0, start->launch->options->stop_signal, 0,
	    start->child.ended ? grace : 0);
	while (children_reap(list, 1) && stop_goes_on(&rest))
		if (is_told_again(start, stop_step(&rest)))
			stop_hasten(&rest);
	stop_end(&rest);
	pids_clear(&told);
}

/*
 * The service is over before the caller heard of it, and the background process
 * has removed nothing.
 */
static struct outcome
clean_up(struct start *start)
{
	port_files_recognise(start->launch->files);
	return (struct outcome){ .status = STATUS_FAILED,
	    .signal = start->told };
}

/*
 * Waits for the next message.  Returns 1; or 0 if there will be none, because a
 * stop signal came or the channel was closed; or -1 and errno.
 */
static int
hear(struct start *start, struct message *message)
{
	struct pollfd polls[] = {
		{ .fd = start->channel, .events = POLLIN },
		{ .fd = start->signals, .events = POLLIN },
	};

	for (;;) {
		if (poll(polls, 2, -1) == -1)
			continue;
		if (polls[1].revents != 0 &&
		    (start->told = read_signal(start)) != 0)
			return 0;
		if (polls[0].revents != 0)
			return channel_receive(start->channel, message, NULL);
	}
}

/*
 * Writes no more at once than a pipe has room for when poll(2) says that it has
 * any: a stop signal is to be heard where nobody reads.
 */
static int
print(struct start *start, const char *lines, size_t length)
{
	struct pollfd polls[] = {
		{ .fd = STDOUT_FILENO, .events = POLLOUT },
		{ .fd = start->signals, .events = POLLIN },
	};
	ssize_t n;

	while (length > 0) {
		if (poll(polls, 2, -1) == -1)
			continue;
		if (polls[1].revents != 0 &&
		    (start->told = read_signal(start)) != 0)
			return -1;
		if (polls[0].revents == 0)
			continue;
		n = write(STDOUT_FILENO, lines, length < PIPE_BUF ? length :
		    PIPE_BUF);
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (n > 0) {
			lines += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

/* COMMAND was executed. */
static struct outcome
finish(struct start *start, struct failure *failure)
{
	char *lines;
	size_t length;
	int status = variables_make(start->launch, start->child.pid, &lines,
	    &length);

	if (status == -1)
		fail(failure, 0, "out of memory");
	else if ((status = print(start, lines, length)) == -1 &&
	    start->told == 0)
		fail(failure, errno, "write standard output");
	free(lines);
	if (status == 0)
		return (struct outcome){ .executed = true };
	stop(start, start->told == 0 ? SIGTERM : start->told);
	return clean_up(start);
}

/*
 * The channel was closed: by execve(2), if COMMAND was about to be executed; or
 * by the end of the background process.
 */
static struct outcome
follow_up(struct start *start, bool ready, struct failure *failure)
{
	struct outcome outcome;

	if (ready)
		reap(start);
	else
		await_child(start);
	if (ready && !(start->child.ended && WIFSIGNALED(start->child.status)))
		return finish(start, failure);
	outcome = clean_up(start);
	if (WIFSIGNALED(start->child.status))
		fail(failure, 0, "-b: the background process was killed by "
		    "signal %d", WTERMSIG(start->child.status));
	else if (WEXITSTATUS(start->child.status) == 0)
		fail(failure, 0, "-b: the background process ended too early");
	else	/* It has said why. */
		outcome.status = WEXITSTATUS(start->child.status);
	return outcome;
}

/* In the first process: waits until COMMAND was executed, or could not be. */
static struct outcome
await(struct start *start, struct failure *failure)
{
	struct message message = { .kind = MSG_FAILED, .failure = failure };
	bool ready = false;
	int heard;

	while ((heard = hear(start, &message)) == 1)
		switch (message.kind) {
		case MSG_READY:
			ready = true;
			break;
		case MSG_STARTED:
			return finish(start, failure);
		default:
			/* It removes what it has made. */
			await_child(start);
			return (struct outcome){ .status = message.value,
			    .executed = true };
		}
	if (heard == -1) {
		channel_fail(failure, "-b");
		stop(start, SIGTERM);
		return clean_up(start);
	}
	if (start->told == 0)
		return follow_up(start, ready, failure);
	stop(start, start->told);
	/* A keeper that sees the front's end removes what the front has made. */
	while (channel_receive(start->channel, &message, NULL) == 1)
		;
	failure->text[0] = '\0';
	return clean_up(start);
}

/*
 * Blocks the stop signals, and SIGCHLD, before the fork: none may get lost, and
 * the background process unblocks them when it has left.
 */
static int
hold_signals(struct launch *launch, sigset_t *held)
{
	signals_hold(&launch->signals);
	*held = launch->signals.held;
	sigaddset(held, SIGCHLD);
	sigmask_change(SIG_BLOCK, held, NULL);
	return sigmask_open(held, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool
background_start(struct launch *launch, struct outcome *outcome,
    struct failure *failure)
{
	struct start start = { .launch = launch,
	    .child = { .pid = -1, .channel = -1 } };
	pid_t first = getpid();
	sigset_t held;
	int ends[2];

	*outcome = (struct outcome){ .status = STATUS_FAILED };
	if (variables_check(launch, failure) == -1)
		return true;
	if (open_channel(launch, ends) == -1) {
		fail(failure, errno, "socketpair");
		return true;
	}
	start.channel = ends[0];
	start.signals = hold_signals(launch, &held);
	if (start.signals == -1)
		fail(failure, errno, "signalfd");
	else if ((start.child.pid = fork()) == -1)
		fail(failure, errno, "fork");
	if (start.child.pid == 0) {
		close(ends[0]);
		close(start.signals);
		launch->background = ends[1];
		return detach(launch, first, &held, failure) == -1;
	}
	close(ends[1]);
	if (start.child.pid != -1) {
		/* A copy here would outlive the service's. */
		listeners_close(&launch->listeners);
		failure->text[0] = '\0';
		*outcome = await(&start, failure);
	}
	close(start.channel);
	close(start.signals);
	return true;
}

/* Sends a message to the first process. */
static int
tell_first(const struct launch *launch, enum message_kind kind)
{
	struct message message = { .kind = kind };

	return channel_send(launch->background, &message, -1);
}

int
background_ready(struct launch *launch, struct failure *failure)
{
	if (launch->background == 0)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == -1)
		return fail(failure, errno, "-b: prctl");
	return tell_first(launch, MSG_READY) != -1 ? 0 :
	    channel_fail(failure, "-b: the first process");
}

void
background_fail(struct launch *launch, int status, struct failure *failure)
{
	struct message message = { .kind = MSG_FAILED, .value = status,
	    .failure = failure };

	if (launch->background != 0 && failure->text[0] != '\0' &&
	    channel_send(launch->background, &message, -1) == 0)
		failure->text[0] = '\0';
}

void
background_executed(struct launch *launch)
{
	struct failure failure;

	if (launch->background == 0)
		return;
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == -1) {
		fail(&failure, errno, "-b: prctl");
		background_fail(launch, STATUS_FAILED, &failure);
		kill(getpid(), SIGTERM);
	} else if (tell_first(launch, MSG_STARTED) == -1)
		kill(getpid(), SIGTERM);
	close(launch->background);
	launch->background = 0;
}
