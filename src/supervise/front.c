/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervise/background.h"
#include "supervise/channel.h"
#include "supervise/front.h"
#include "supervise/keeper.h"
#include "supervise/spawn.h"
#include "supervise/stop.h"

/*
 * Opens /dev/null at each of fds 0 to 2 that the caller had closed: otherwise
 * a descriptor of ours would get that number.  execve(2) closes it again.
 */
static int
hold_standard(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", O_RDWR | O_CLOEXEC) == -1)
			return -1;
	return 0;
}

static void
wait_for_end(pid_t pid)
{
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}

/*
 * Blocks no signals: until front_run() the front may wait for the reader of a
 * FIFO, and ^C has to end it.  The keeper then sees that the front is gone.
 */
int
front_start(struct front *front, struct launch *launch,
    struct failure *failure)
{
	struct message message = { .kind = MSG_FAILED, .failure = failure };
	int ends[2];

	if (hold_standard() == -1)
		return fail(failure, errno, "open /dev/null");
	if (witness_start(&front->witness) == -1)
		return fail(failure, errno, "witness");
	if (channel_open(ends) == -1) {
		witness_end(&front->witness);
		return fail(failure, errno, "socketpair");
	}
	front->launch = launch;
	front->channel = ends[0];
	front->keeper = fork();
	if (front->keeper == 0) {
		close(ends[0]);
		keeper_main(launch, ends[1], &front->witness, failure);
	}
	if (front->keeper == -1)
		fail(failure, errno, "fork");
	close(ends[1]);
	if (front->keeper != -1) {
		if (channel_receive(ends[0], &message, NULL) != 1)
			channel_fail(failure, "the keeper");
		else if (message.kind == MSG_READY)
			return 0;
	}
	front_abandon(front);
	return -1;
}

void
front_abandon(struct front *front)
{
	witness_end(&front->witness);
	close(front->channel);
	if (front->keeper != -1)
		wait_for_end(front->keeper);
}

/*
 * EPIPE is not an error here: after it await_end() reads the keeper's last
 * message, or end-of-file.
 */
static int
tell(const struct front *front, const struct message *message)
{
	return channel_send(front->channel, message, -1) == -1 &&
	    errno != EPIPE ? -1 : 0;
}

static bool
read_signal(const struct front *front,
    struct signalfd_siginfo *signal)
{
	return read(front->signals, signal, sizeof(*signal)) ==
	    sizeof(*signal);
}

/*
 * Whether the terminal has sent the signal to its whole foreground process
 * group, and so to the service.  Of a hang-up it tells the session leader
 * alone.
 */
static bool
is_for_group(const struct front *front, const struct signalfd_siginfo *signal)
{
	if (front->witness.pid == 0 || signal->ssi_code != SI_KERNEL)
		return false;
	return signal->ssi_signo == SIGINT || signal->ssi_signo == SIGQUIT ||
	    signal->ssi_signo == SIGWINCH ||
	    (signal->ssi_signo == SIGHUP && getsid(0) != getpid());
}

/* Forwards one signal.  Returns 1; 0 if none is pending; or -1 and errno. */
static int
forward_signal(const struct front *front)
{
	struct message message = { .kind = MSG_SIGNAL };
	struct signalfd_siginfo signal;

	if (!read_signal(front, &signal))
		return 0;
	message.value = (int)signal.ssi_signo;
	if (message.value == SIGCHLD || signals_ignored(message.value))
		return 1;
	if (is_for_group(front, &signal))
		message.kind = MSG_DELIVERED;
	return tell(front, &message) == -1 ? -1 : 1;
}

static int
tell_signals(const struct front *front)
{
	struct message message = { .kind = MSG_SYNC };
	int forwarded;

	while ((forwarded = forward_signal(front)) == 1)
		;
	return forwarded == -1 ? -1 : tell(front, &message);
}

/*
 * Waits for the message that says how the run ended.  Returns false, and
 * errno, if the keeper died or the channel failed.
 */
static bool
await_end(const struct front *front, struct message *message,
    bool *started)
{
	struct pollfd polls[] = {
		{ .fd = front->channel, .events = POLLIN },
		{ .fd = front->signals, .events = POLLIN },
	};

	for (;;) {
		if (poll(polls, 2, -1) == -1) {
			if (errno != EINTR)
				return false;
			continue;
		}
		if (polls[0].revents != 0) {
			if (channel_receive(front->channel, message,
			    NULL) != 1)
				return false;
			if (message->kind == MSG_STARTED) {
				*started = true;
				background_executed(front->launch);
			} else if (message->kind != MSG_SYNC)
				return true;
			else if (tell_signals(front) == -1)
				return false;
		}
		if (polls[1].revents != 0 &&
		    forward_signal(front) == -1)
			return false;
	}
}

/* Waits for a signal of front->signals, if that is possible. */
static void
pause_for(const struct front *front, int milliseconds)
{
	struct timespec time = { milliseconds / 1000,
	    milliseconds % 1000 * 1000000L };
	struct pollfd poll_one = { .fd = front->signals, .events = POLLIN };
	struct signalfd_siginfo signal;
	int ready = poll(&poll_one, 1, milliseconds);

	if (ready == 1)
		read_signal(front, &signal);
	else if (ready == -1 && errno != EINTR)
		nanosleep(&time, NULL);
}

/*
 * The keeper is gone, so its descendants are children of the front, which is
 * the next subreaper.
 */
static void
stop_orphans(const struct front *front, const struct options *options)
{
	struct pids told = { NULL, 0 };
	struct stop stop;

	stop_begin(&stop, &told, 0, options->stop_signal, 0,
	    options->kill_after);
	while (children_reap(NULL, 0) && stop_goes_on(&stop))
		pause_for(front, stop_step(&stop));
	stop_end(&stop);
	pids_clear(&told);
}

struct outcome
front_run(struct front *front, struct launch *launch,
    struct failure *failure)
{
	struct message message = { .kind = MSG_GO, .failure = failure };
	struct outcome outcome = { .status = STATUS_FAILED };
	bool alive;

	failure->text[0] = '\0';
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	listeners_close(&launch->listeners);
	front->signals = signals_open();
	if (front->signals == -1) {
		fail(failure, errno, "signalfd");
		front_abandon(front);
		return outcome;
	}
	alive = channel_send(front->channel, &message, -1) == 0 &&
	    await_end(front, &message, &outcome.executed);
	witness_end(&front->witness);
	if (!alive)
		channel_fail(failure, "the keeper");
	else if (message.kind != MSG_FAILED) {
		outcome.executed = true;
		background_executed(launch);
	}
	/* With -c the files are removed at the end of the run. */
	if (launch->script != NULL)
		outcome.executed = false;
	if (!alive) {
		close(front->channel);
		stop_orphans(front, launch->options);
		return outcome;
	}
	if (message.kind == MSG_FAILED) {
		wait_for_end(front->keeper);
		outcome.status = message.value;
		return outcome;
	}
	if (message.kind == MSG_ENDED)
		wait_for_end(front->keeper);
	else {
		message.kind = MSG_RELEASED;
		channel_send(front->channel, &message, -1);
	}
	if (WIFEXITED(message.value))
		outcome.status = WEXITSTATUS(message.value);
	else {
		outcome.signal = WTERMSIG(message.value);
		outcome.status = 128 + outcome.signal;
	}
	return outcome;
}
