#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt.h"
#include "channel.h"
#include "keeper.h"
#include "process.h"

struct keeper {
	struct launch	*launch;
	struct adoption	 adoption;
	int		 front;		/* the channel; -1: the front is gone */
	int		 children;	/* a signalfd for SIGCHLD */
	pid_t		 service;
	int		 status;	/* the service's, once it has ended */
	bool		 ended;
	bool		 told;		/* to stop */
	bool		 filter_gone;	/* nobody is under it any more */
	bool		 stopping;
	struct stop	 stop;
};

enum { KILLABLE = 1, PRIVILEGED = 2 };	/* NOTE_READY of the service */

static bool
has_unix(const struct listeners *listeners)
{
	size_t i;

	for (i = 0; i < listeners->count; i++)
		if (listeners->list[i].host[0] == '\0')
			return true;
	return false;
}

static const char *
explain(int error)
{
	switch (error) {
	case EBUSY:
		return "another seccomp listener is there already";
	case ENOSYS:
	case EINVAL:
		return "this kernel has no seccomp user notification";
	case EPERM:
	case EACCES:
		return "seccomp is not permitted here";
	default:
		return strerror(error);
	}
}

/* In the process that becomes the service. */
static _Noreturn void
be_service(struct launch *launch, int channel, pid_t group)
{
	struct note note = { .kind = NOTE_READY };
	bool killable, privileged;
	int notify;

	setpgid(0, group);
	notify = adopt_install(has_unix(&launch->listeners), &killable,
	    &privileged);
	if (notify == -1) {
		note.kind = NOTE_FAILED;
		fail(&note.failure, 0, "%s", explain(errno));
		channel_send(channel, &note, -1);
		_exit(STATUS_FAILED);
	}
	note.value = (killable ? KILLABLE : 0) | (privileged ? PRIVILEGED : 0);
	channel_send(channel, &note, notify);
	close(notify);
	if (channel_receive(channel, &note, NULL) != 1 ||
	    note.kind != NOTE_GO)
		_exit(STATUS_FAILED);
	note.kind = NOTE_FAILED;
	note.value = handoff_become(launch, &note.failure);
	channel_send(channel, &note, -1);
	_exit(note.value);
}

static int
try_adoption(struct keeper *keeper, int channel, struct failure *failure)
{
	struct adoption *adoption = &keeper->adoption;
	struct note note = { .kind = NOTE_FAILED };

	if (channel_receive(channel, &note, &adoption->notify) != 1)
		return fail(failure, 0, "the service's process was killed");
	if (note.kind != NOTE_READY || adoption->notify == -1) {
		*failure = note.failure;
		return -1;
	}
	adoption->killable = (note.value & KILLABLE) != 0;
	if ((note.value & PRIVILEGED) == 0 &&
	    handoff_is_set_id(keeper->launch))
		return fail(failure, 0, "%s is set-user-ID or set-group-ID",
		    keeper->launch->command[0]);
	if (adopt_try(keeper->service) == -1)
		return fail(failure, errno, "the service's memory cannot be "
		    "read");
	return 0;
}

static bool
is_needed(const struct keeper *keeper, int fd, int channel)
{
	const struct listeners *listeners = &keeper->launch->listeners;
	size_t i;

	for (i = 0; i < listeners->count; i++)
		if (listeners->list[i].fd == fd ||
		    listeners->list[i].reserve == fd)
			return true;
	return fd == STDERR_FILENO || fd == channel || fd == keeper->front ||
	    fd == keeper->children || fd == keeper->adoption.notify;
}

static void
replace_with_null(int first, int last)
{
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (fd = first; null != -1 && fd <= last; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

/*
 * A reader of a pipe that the caller passed waits for all that hold it; so
 * the keeper holds nothing that is not its own.
 */
static void
close_callers_descriptors(const struct keeper *keeper, int channel)
{
	struct dirent *entry;
	DIR *folder;
	int fd;

	replace_with_null(STDIN_FILENO, STDOUT_FILENO);
	folder = opendir("/proc/self/fd");
	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		fd = atoi(entry->d_name);
		if (fd > STDERR_FILENO && fd != dirfd(folder) &&
		    !is_needed(keeper, fd, channel))
			close(fd);
	}
	closedir(folder);
}

static void
begin_stop(struct keeper *keeper)
{
	if (keeper->stopping)
		return;
	keeper->stopping = true;
	process_stop_begin(&keeper->stop, keeper->launch->options->kill_after);
}

static bool
asks_to_stop(int number)
{
	return number == SIGINT || number == SIGTERM || number == SIGHUP ||
	    number == SIGQUIT;
}

/* The front has gone in good order; so the service is a daemon, if any. */
static void
detach(struct keeper *keeper)
{
	close(keeper->front);
	keeper->front = -1;
	replace_with_null(STDERR_FILENO, STDERR_FILENO);
	keeper->launch->console.verbosity = QUIET;
}

static void
attend_front(struct keeper *keeper)
{
	struct note note = { .kind = NOTE_FAILED };

	if (channel_receive(keeper->front, &note, NULL) != 1) {
		close(keeper->front);
		keeper->front = -1;
		keeper->told = true;
		begin_stop(keeper);
		return;
	}
	switch (note.kind) {
	case NOTE_RELEASED:
		detach(keeper);
		break;
	case NOTE_SIGNAL:
	case NOTE_STOP:
		keeper->told = keeper->told || asks_to_stop(note.value);
		if (note.kind == NOTE_SIGNAL && !keeper->ended)
			kill(keeper->service, note.value);
		break;
	default:
		break;
	}
}

static void
say_end(const struct keeper *keeper)
{
	if (WIFSIGNALED(keeper->status))
		say_detail(&keeper->launch->console, "%s (%d) was killed by "
		    "signal %d", keeper->launch->command[0], keeper->service,
		    WTERMSIG(keeper->status));
	else
		say_detail(&keeper->launch->console, "%s (%d) ended with "
		    "status %d", keeper->launch->command[0], keeper->service,
		    WEXITSTATUS(keeper->status));
}

static void
tell_end(struct keeper *keeper, enum note_kind kind)
{
	struct note note = { .kind = kind, .value = keeper->status };

	if (keeper->front != -1)
		channel_send(keeper->front, &note, -1);
}

/* Returns whether there is still something to keep. */
static bool
attend_children(struct keeper *keeper)
{
	struct signalfd_siginfo signal;
	bool had_ended = keeper->ended, children;

	while (read(keeper->children, &signal, sizeof(signal)) ==
	    sizeof(signal))
		;
	children = processes_reap(keeper->service, &keeper->status,
	    &keeper->ended);
	if (!had_ended && keeper->ended) {
		say_end(keeper);
		/* What it leaves is a daemon's only if it ended by itself. */
		if (keeper->told || WIFSIGNALED(keeper->status))
			begin_stop(keeper);
		else if (children) {
			if (keeper->status != 0 &&
			    !adopt_is_held(&keeper->adoption))
				adopt_close_sockets(&keeper->adoption);
			tell_end(keeper, NOTE_LEFT);
		}
	}
	return children;
}

static int
choose_timeout(struct keeper *keeper)
{
	int timeout = adopt_timeout(&keeper->adoption), step;

	if (!keeper->stopping)
		return timeout;
	step = process_stop_step(&keeper->stop);
	return timeout == -1 || step < timeout ? step : timeout;
}

/* One round: waits, then attends to whatever has something to say. */
static bool
keep_on(struct keeper *keeper, struct pollfd *polls)
{
	struct adoption *adoption = &keeper->adoption;
	nfds_t count = 3 + (nfds_t)adopt_poll_count(adoption);

	polls[0] = (struct pollfd){ .fd = keeper->front, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = keeper->children, .events = POLLIN };
	polls[2] = (struct pollfd){ .fd = keeper->filter_gone ? -1 :
	    adoption->notify, .events = POLLIN };
	adopt_poll(adoption, polls + 3);
	if (poll(polls, count, choose_timeout(keeper)) == -1)
		return true;
	adopt_attend(adoption, polls + 3);
	if ((polls[2].revents & POLLIN) != 0)
		adopt_answer(adoption);
	else if (polls[2].revents != 0)
		keeper->filter_gone = true;
	if (polls[0].revents != 0)
		attend_front(keeper);
	if (attend_children(keeper))
		return !keeper->stopping ||
		    process_stop_goes_on(&keeper->stop);
	return !keeper->filter_gone;
}

static void
keep(struct keeper *keeper)
{
	struct pollfd *polls = NULL, *grown;
	size_t room;

	do {
		room = 3 + adopt_poll_count(&keeper->adoption);
		grown = reallocarray(polls, room, sizeof(*polls));
		if (grown == NULL)
			break;
		polls = grown;
	} while (keep_on(keeper, polls));
	free(polls);
}

static void
refuse(const struct keeper *keeper, int status, const struct failure *failure)
{
	struct note note = { .kind = NOTE_FAILED, .value = status,
	    .failure = *failure };

	if (keeper->service > 0) {
		kill(keeper->service, SIGKILL);
		waitpid(keeper->service, NULL, 0);
	}
	channel_send(keeper->front, &note, -1);
	_exit(status);
}

static void
start_service(struct keeper *keeper, pid_t group)
{
	struct failure failure;
	struct note note = { .kind = NOTE_READY };
	int ends[2];

	if (channel_open(ends) == -1 || (keeper->service = fork()) == -1) {
		fail(&failure, errno, "fork");
		refuse(keeper, STATUS_FAILED, &failure);
	}
	if (keeper->service == 0) {
		close(ends[0]);
		close(keeper->front);
		close(keeper->children);
		be_service(keeper->launch, ends[1], group);
	}
	close(ends[1]);
	/* Off the terminal's foreground, it may still have something to say. */
	signal(SIGTTOU, SIG_IGN);
	if (try_adoption(keeper, ends[0], &failure) == -1)
		refuse(keeper, STATUS_FAILED, &failure);
	channel_send(keeper->front, &note, -1);
	/* The front may be gone, or have failed. */
	if (channel_receive(keeper->front, &note, NULL) != 1 ||
	    note.kind != NOTE_GO)
		refuse(keeper, STATUS_FAILED, &failure);
	close_callers_descriptors(keeper, ends[0]);
	if (channel_send(ends[0], &note, -1) == -1) {
		fail(&failure, 0, "the service's process was killed");
		refuse(keeper, STATUS_FAILED, &failure);
	}
	if (channel_receive(ends[0], &note, NULL) == 1)
		refuse(keeper, note.value, &note.failure);
	close(ends[0]);
	note.kind = NOTE_STARTED;
	channel_send(keeper->front, &note, -1);
	say_detail(&keeper->launch->console, "started %s as process %d",
	    keeper->launch->command[0], keeper->service);
}

void
keeper_main(struct launch *launch, int channel)
{
	struct keeper keeper = {
		.launch = launch,
		.front = channel,
		.adoption = { .listeners = &launch->listeners,
		    .maps = &launch->options->maps, .console = &launch->console,
		    .service = launch->command[0], .notify = -1 },
	};
	pid_t group = getpgrp();
	struct failure failure;
	sigset_t children;

	setpgid(0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	/* Wakes a keeper that was stopped, to see that the front is gone. */
	prctl(PR_SET_PDEATHSIG, SIGCONT, 0, 0, 0);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	keeper.children = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	if (adopt_begin(&keeper.adoption) == -1) {
		fail(&failure, errno, "keeper");
		refuse(&keeper, STATUS_FAILED, &failure);
	}
	start_service(&keeper, group);
	keep(&keeper);
	tell_end(&keeper, NOTE_ENDED);
	_exit(0);
}
