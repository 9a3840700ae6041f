#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "keeper.h"
#include "process.h"
#include "supervise.h"

/*
 * The standard three are the caller's, also where they are closed: nothing
 * of ours takes their numbers, and nothing is there after execve(2).
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
 * Signals have their usual effect here and until supervise_run(): the front
 * may wait for the reader of a FIFO, and ^C is to end that.  The keeper then
 * sees that the front is gone.
 */
int
supervise_start(struct supervision *supervision, struct launch *launch,
    struct failure *failure)
{
	struct note note = { .kind = NOTE_FAILED };
	int ends[2];

	if (hold_standard() == -1)
		return fail(failure, errno, "open /dev/null");
	if (channel_open(ends) == -1)
		return fail(failure, errno, "socketpair");
	supervision->channel = ends[0];
	supervision->keeper = fork();
	if (supervision->keeper == 0) {
		close(ends[0]);
		keeper_main(launch, ends[1]);
	}
	if (supervision->keeper == -1)
		fail(failure, errno, "fork");
	close(ends[1]);
	if (supervision->keeper != -1) {
		if (channel_receive(ends[0], &note, NULL) != 1)
			channel_fail(failure, "the keeper");
		else if (note.kind == NOTE_READY)
			return 0;
		else
			*failure = note.failure;
	}
	supervise_abandon(supervision);
	return -1;
}

void
supervise_abandon(struct supervision *supervision)
{
	close(supervision->channel);
	if (supervision->keeper != -1)
		wait_for_end(supervision->keeper);
}

/* A keeper that is gone has left a note, or its end is seen. */
static int
tell(const struct supervision *supervision, const struct note *note)
{
	return channel_send(supervision->channel, note, -1) == -1 &&
	    errno != EPIPE ? -1 : 0;
}

static bool
read_signal(const struct supervision *supervision,
    struct signalfd_siginfo *signal)
{
	return read(supervision->signals, signal, sizeof(*signal)) ==
	    sizeof(*signal);
}

/* Forwards one signal: 1; 0 where none is there; or -1. */
static int
forward_signal(const struct supervision *supervision)
{
	struct note note = { .kind = NOTE_SIGNAL };
	struct signalfd_siginfo signal;

	if (!read_signal(supervision, &signal))
		return 0;
	note.value = (int)signal.ssi_signo;
	if (note.value == SIGCHLD || signals_ignored(note.value))
		return 1;
	/* The terminal's keys reach the whole group: once is enough. */
	if (signal.ssi_code == SI_KERNEL && (signal.ssi_signo == SIGINT ||
	    signal.ssi_signo == SIGQUIT || signal.ssi_signo == SIGWINCH))
		note.kind = NOTE_STOP;
	return tell(supervision, &note) == -1 ? -1 : 1;
}

static int
tell_signals(const struct supervision *supervision)
{
	struct note note = { .kind = NOTE_SYNC };
	int forwarded;

	while ((forwarded = forward_signal(supervision)) == 1)
		;
	return forwarded == -1 ? -1 : tell(supervision, &note);
}

/*
 * Waits for the note that says how it ended; false, and errno, where the
 * keeper died, or cannot be heard or told.
 */
static bool
await_end(const struct supervision *supervision, struct note *note,
    bool *started)
{
	struct pollfd polls[] = {
		{ .fd = supervision->channel, .events = POLLIN },
		{ .fd = supervision->signals, .events = POLLIN },
	};

	for (;;) {
		if (poll(polls, 2, -1) == -1)
			continue;
		if (polls[0].revents != 0) {
			if (channel_receive(supervision->channel, note,
			    NULL) != 1)
				return false;
			if (note->kind == NOTE_STARTED)
				*started = true;
			else if (note->kind != NOTE_SYNC)
				return true;
			else if (tell_signals(supervision) == -1)
				return false;
		}
		if (polls[1].revents != 0 &&
		    forward_signal(supervision) == -1)
			return false;
	}
}

/* What the keeper kept is ours now: we are the next subreaper. */
static void
stop_orphans(const struct supervision *supervision, int grace)
{
	struct pollfd poll_one = { .fd = supervision->signals,
	    .events = POLLIN };
	struct signalfd_siginfo signal;
	struct stop stop;

	process_stop_begin(&stop, grace);
	while (processes_reap(NULL, 0) && process_stop_goes_on(&stop))
		if (poll(&poll_one, 1, process_stop_step(&stop)) == 1)
			read_signal(supervision, &signal);
	process_stop_end(&stop);
}

struct outcome
supervise_run(struct supervision *supervision, struct launch *launch,
    struct failure *failure)
{
	struct note note = { .kind = NOTE_GO };
	struct outcome outcome = { .status = STATUS_FAILED };
	bool alive, nothing_left;

	failure->text[0] = '\0';
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	listeners_close(&launch->listeners);
	supervision->signals = signals_open();
	if (supervision->signals == -1) {
		fail(failure, errno, "signalfd");
		supervise_abandon(supervision);
		return outcome;
	}
	alive = channel_send(supervision->channel, &note, -1) == 0 &&
	    await_end(supervision, &note, &outcome.executed);
	if (!alive)
		channel_fail(failure, "the keeper");
	else if (note.kind != NOTE_FAILED)
		outcome.executed = true;
	/* With a client the run is over, and its files go with it. */
	if (launch->script != NULL)
		outcome.executed = false;
	if (!alive) {
		close(supervision->channel);
		stop_orphans(supervision, launch->options->kill_after);
		return outcome;
	}
	if (note.kind == NOTE_FAILED) {
		*failure = note.failure;
		wait_for_end(supervision->keeper);
		outcome.status = note.value;
		return outcome;
	}
	nothing_left = note.kind == NOTE_ENDED;
	note.kind = NOTE_RELEASED;
	channel_send(supervision->channel, &note, -1);
	if (nothing_left)
		wait_for_end(supervision->keeper);
	if (WIFEXITED(note.value))
		outcome.status = WEXITSTATUS(note.value);
	else {
		outcome.signal = WTERMSIG(note.value);
		outcome.status = 128 + outcome.signal;
	}
	return outcome;
}
