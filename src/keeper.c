#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt.h"
#include "channel.h"
#include "client.h"
#include "filter.h"
#include "keeper.h"
#include "process.h"
#include "procfs.h"
#include "supervise.h"

struct keeper {
	struct launch	*launch;
	struct adoption	 adoption;
	int		 front;		/* the channel; -1: the front is gone */
	int		 children;	/* a signalfd for SIGCHLD */
	struct child	 service, client;
	int		 client_channel;	/* -1: none, or it has begun */
	int		 told;		/* the signal to stop; 0: none */
	int64_t		 told_at;
	bool		 filter_gone;	/* nobody is under it any more */
	bool		 service_first;	/* it was over before the client */
	int64_t		 client_until;	/* then it is stopped; 0: no limit */
	bool		 forced;	/* the client was stopped */
	bool		 failed;	/* or could not be executed */
	bool		 stopping;
	struct stop	 stop;
};

enum { KILLABLE = 1, PRIVILEGED = 2 };	/* NOTE_READY of the service */

enum {
	ECHO = 250,	/* ms in which a signal may come again: timeout(1) */
	LOOK = 5,	/* ms between two looks for a reserved number */
	SPARE = 8	/* descriptors to answer, to find and to stop with */
};

static bool
has_client(const struct keeper *keeper)
{
	return keeper->launch->script != NULL;
}

static bool
has_unix(const struct listeners *listeners)
{
	size_t i;

	for (i = 0; i < listeners->count; i++)
		if (listeners->list[i].host[0] == '\0')
			return true;
	return false;
}

/* Why the filter could not be installed. */
static int
explain(struct failure *failure, int error)
{
	struct utsname system;

	switch (error) {
	case EBUSY:
		return fail(failure, 0, "another seccomp listener is there "
		    "already");
	case ENOSYS:
	case EINVAL:
		return fail(failure, 0, "this kernel has no seccomp user "
		    "notification");
	case EPERM:
	case EACCES:
		return fail(failure, 0, "seccomp is not permitted here");
	case EOPNOTSUPP:
		uname(&system);
		return fail(failure, 0, "the architecture %s is not known",
		    system.machine);
	default:
		return fail(failure, 0, "%s", strerror(error));
	}
}

/* In a process that cannot become what it is to be: note->failure says why. */
static _Noreturn void
give_up(int channel, int status, struct note *note)
{
	note->kind = NOTE_FAILED;
	note->value = status;
	channel_send(channel, note, -1);
	_exit(status);
}

/* Waits for NOTE_GO, then becomes what it is to be, or says why not. */
static _Noreturn void
execute(struct launch *launch, int channel,
    int (*become)(struct launch *, struct failure *))
{
	struct note note = { .kind = NOTE_FAILED };
	int status = STATUS_FAILED;

	if (channel_receive(channel, &note, NULL) == 1)
		status = become(launch, &note.failure);
	else
		channel_fail(&note.failure, "the keeper");
	give_up(channel, status, &note);
}

/* Nobody waits to hear of its execution: that may take any time. */
static _Noreturn void
execute_on_demand(struct launch *launch, int channel)
{
	struct note note = { .kind = NOTE_FAILED };

	if (channel_receive(channel, &note, NULL) != 1 ||
	    note.kind != NOTE_GO)
		_exit(STATUS_FAILED);
	close(channel);
	note.value = handoff_become(launch, &note.failure);
	if (launch->death != 0)
		_exit(supervise_die(launch->death));
	say_failure(&note.failure);
	_exit(note.value);
}

/* dup2(2) of a socket into its place would close a channel there. */
static int
move_channel(const struct launch *launch, int channel)
{
	int high, end = FIRST_FD + (int)launch->listeners.count;

	if (channel >= end)
		return channel;
	high = fcntl(channel, F_DUPFD_CLOEXEC, end);
	if (high != -1)
		close(channel);
	return high;
}

/* In the process that becomes the service. */
static _Noreturn void
be_service(struct launch *launch, int channel, pid_t group)
{
	struct note note = { .kind = NOTE_READY };
	bool killable = false, privileged = true;
	int notify, high = move_channel(launch, channel);

	if (high == -1) {
		fail(&note.failure, errno, "keeper");
		give_up(channel, STATUS_FAILED, &note);
	}
	channel = high;
	setpgid(0, group);
	if (launch->handoff != ADOPT)
		notify = -1;
	else if ((notify = filter_install(has_unix(&launch->listeners),
	    &killable, &privileged)) == -1) {
		explain(&note.failure, errno);
		give_up(channel, STATUS_FAILED, &note);
	}
	note.value = (killable ? KILLABLE : 0) | (privileged ? PRIVILEGED : 0);
	if (channel_send(channel, &note, notify) == -1)
		_exit(STATUS_FAILED);
	if (notify != -1)
		close(notify);
	/* While the keeper tries, and the front listens. */
	if (handoff_prepare(launch, &note.failure) == -1)
		give_up(channel, STATUS_FAILED, &note);
	if (launch->options->on_demand)
		execute_on_demand(launch, channel);
	execute(launch, channel, handoff_become);
}

/* In the process that becomes the client. */
static _Noreturn void
be_client(struct launch *launch, int channel, pid_t group)
{
	setpgid(0, group);
	execute(launch, channel, handoff_become_client);
}

/* Tries while the service's process installs the filter, and hears of that. */
static int
try_adoption(struct keeper *keeper, int channel, struct failure *failure)
{
	struct adoption *adoption = &keeper->adoption;
	struct note note = { .kind = NOTE_FAILED };
	bool readable = keeper->launch->handoff == ADOPT &&
	    adopt_try(keeper->service.pid) == 0;
	int error = errno;

	if (channel_receive(channel, &note, &adoption->notify) != 1)
		return channel_fail(failure, "the service's process");
	if (note.kind != NOTE_READY) {
		*failure = note.failure;
		return -1;
	}
	if (!processes_are_visible())
		return fail(failure, 0, "/proc: it does not show the "
		    "service");
	if (keeper->launch->handoff != ADOPT)
		return 0;
	adoption->killable = (note.value & KILLABLE) != 0;
	if ((note.value & PRIVILEGED) == 0 &&
	    handoff_is_set_id(keeper->launch))
		return fail(failure, 0, "%s is set-user-ID or set-group-ID",
		    keeper->launch->command[0]);
	if (!readable)
		return fail(failure, error, "the service's memory cannot be "
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
	    fd == keeper->client_channel ||
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
	struct procfs folder;
	int fd;

	replace_with_null(STDIN_FILENO, STDOUT_FILENO);
	if (procfs_open(&folder, "self/fd") == -1)
		return;
	while (procfs_entry(&folder, &fd))
		if (fd > STDERR_FILENO && fd != folder.fd &&
		    !is_needed(keeper, fd, channel))
			close(fd);
	procfs_close(&folder);
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

/*
 * With a client, that is told first, with all that it has started: a shell
 * that waits does nothing on INT.  Told once more, nobody has any time left.
 */
static void
pass_on(struct keeper *keeper, int number, bool delivered)
{
	int64_t now = process_clock();
	bool again = keeper->told != 0 && now - keeper->told_at > ECHO;

	if (asks_to_stop(number) && has_client(keeper)) {
		if (again) {
			keeper->forced = true;
			begin_stop(keeper);
			process_stop_hasten(&keeper->stop);
			return;
		}
		keeper->client_until = now +
		    keeper->launch->options->kill_after;
		if (!delivered && keeper->client.pid != 0 &&
		    !keeper->client.ended)
			processes_signal_tree(keeper->client.pid, number);
	} else if (!delivered && !keeper->service.ended)
		kill(keeper->service.pid, number);
	if (asks_to_stop(number) && keeper->told == 0) {
		keeper->told = number;
		keeper->told_at = now;
	}
}

/* Returns the kind of the note. */
static enum note_kind
attend_front(struct keeper *keeper)
{
	struct note note = { .kind = NOTE_RELEASED };

	if (channel_receive(keeper->front, &note, NULL) != 1) {
		close(keeper->front);
		keeper->front = -1;
		keeper->told = SIGKILL;
		begin_stop(keeper);
		return NOTE_FAILED;
	}
	if (note.kind == NOTE_RELEASED)
		detach(keeper);
	else if (note.kind == NOTE_SIGNAL || note.kind == NOTE_STOP)
		pass_on(keeper, note.value, note.kind == NOTE_STOP);
	return note.kind;
}

/*
 * What a signal to the whole group has ended may be seen here before the
 * front has told of that signal; it is there already, for the kernel sends
 * it to all before it lets one end.
 */
static void
hear_of_signals(struct keeper *keeper)
{
	struct note note = { .kind = NOTE_SYNC };

	if (keeper->front == -1 || (channel_send(keeper->front, &note,
	    -1) == -1 && errno != EPIPE))
		return;
	while (keeper->front != -1 && attend_front(keeper) != NOTE_SYNC)
		;
}

static void
describe_end(const struct child *child, char *text, size_t size)
{
	if (WIFSIGNALED(child->status))
		snprintf(text, size, "was killed by signal %d",
		    WTERMSIG(child->status));
	else
		snprintf(text, size, "ended with status %d",
		    WEXITSTATUS(child->status));
}

static void
tell_end(const struct keeper *keeper, enum note_kind kind)
{
	struct note note = { .kind = kind, .value = keeper->service.status };
	struct ending ending = { keeper->service, keeper->client,
	    keeper->service_first, keeper->forced, keeper->failed,
	    keeper->told };

	if (has_client(keeper))
		note.value = client_ending(&ending);
	if (keeper->front != -1)
		channel_send(keeper->front, &note, -1);
}

static double
seconds(const struct keeper *keeper, int64_t when)
{
	return (double)(when - keeper->service.started_at) / 1000;
}

/* The last of -v's lines: what happened, in seconds since the start. */
static void
say_summary(const struct keeper *keeper)
{
	static const char *const handoffs[] = { [INHERIT] = "inherit",
	    [ADOPT] = "adopt", [RESERVE] = "reserve" };
	const struct launch *launch = keeper->launch;
	int64_t taken_at = launch->handoff == RESERVE ?
	    keeper->client.started_at : keeper->adoption.taken_at;
	char taken[48] = "", client[64] = "was not started", service[64];

	if (taken_at != 0)
		snprintf(taken, sizeof(taken), ", taken after %.3f s",
		    seconds(keeper, taken_at));
	if (keeper->client.started_at != 0)
		describe_end(&keeper->client, client, sizeof(client));
	describe_end(&keeper->service, service, sizeof(service));
	say_detail(&launch->console, "%s by %s%s; the client %s after %.3f s; "
	    "%s %s after %.3f s", launch->listeners.list[0].addr,
	    handoffs[launch->handoff], taken, client,
	    seconds(keeper, keeper->client.ended_at), launch->command[0],
	    service, seconds(keeper, keeper->service.ended_at));
}

/* What a service leaves is a daemon's only if it ended by itself. */
static void
attend_service_end(struct keeper *keeper, bool children)
{
	if (keeper->told != 0 || WIFSIGNALED(keeper->service.status))
		begin_stop(keeper);
	else if (children) {
		if (keeper->service.status != 0 &&
		    !adopt_is_held(&keeper->adoption))
			adopt_close_sockets(&keeper->adoption);
		tell_end(keeper, NOTE_LEFT);
	}
}

/* Whether nobody is left who might serve the client. */
static bool
is_service_over(const struct keeper *keeper)
{
	if (!keeper->service.ended)
		return false;
	if (keeper->service.status != 0)
		return true;
	return keeper->launch->handoff == ADOPT ? keeper->filter_gone :
	    processes_count_others(keeper->client.pid) == 0;
}

/* Has a process become what it is to be: 0, or errno. */
static int
let_go(int channel)
{
	struct note note = { .kind = NOTE_GO };

	return channel_send(channel, &note, -1) == 0 ? 0 : errno;
}

/* 0 where it did, having been let go; or -1, and note says why not. */
static int
await_start(int channel, int error, struct note *note, const char *peer)
{
	/* One that has ended may have said why. */
	if ((error == 0 || error == EPIPE) &&
	    channel_receive(channel, note, NULL) == 1)
		return -1;
	if (error == 0)
		return 0;
	note->value = STATUS_FAILED;
	errno = error;
	return channel_fail(&note->failure, peer);
}

static void
start_client(struct keeper *keeper)
{
	struct note note = { .kind = NOTE_FAILED };

	if (await_start(keeper->client_channel, let_go(keeper->client_channel),
	    &note, "the client's process") == -1) {
		/* Killed with the whole group, it has not failed. */
		hear_of_signals(keeper);
		if (keeper->told == 0) {
			say_failure(&note.failure);
			keeper->failed = true;
		}
		begin_stop(keeper);
	} else {
		keeper->client.started_at = process_clock();
		say_detail(&keeper->launch->console, "started the client as "
		    "process %d", keeper->client.pid);
	}
	close(keeper->client_channel);
	keeper->client_channel = -1;
}

/* Under reserve the client waits for the service to listen on all. */
static bool
may_start_client(const struct launch *launch)
{
	const struct listeners *listeners = &launch->listeners;
	size_t i;

	for (i = 0; launch->handoff == RESERVE && i < listeners->count; i++)
		if (listeners->list[i].reserve != -1 &&
		    client_awaits(listeners->list[i].port))
			return false;
	return true;
}

/* Moves a run with a client on: start it, see who ends first, stop. */
static void
attend_client(struct keeper *keeper)
{
	const struct launch *launch = keeper->launch;
	bool waits = keeper->client_channel != -1;
	char end[64];

	if (keeper->stopping)
		return;
	if (!keeper->service_first && !keeper->client.ended &&
	    keeper->told == 0 && is_service_over(keeper)) {
		keeper->service_first = true;
		adopt_close_sockets(&keeper->adoption);
		describe_end(&keeper->service, end, sizeof(end));
		say(&launch->console, "%s %s after %.1f s, before the client",
		    launch->command[0], end,
		    seconds(keeper, keeper->service.ended_at));
		if (keeper->client_until == 0)
			keeper->client_until = process_clock() +
			    launch->options->kill_after;
	}
	keeper->forced = !keeper->client.ended &&
	    ((waits && (keeper->told != 0 || keeper->service_first)) ||
	    (keeper->client_until != 0 &&
	    process_clock() >= keeper->client_until));
	/* One that ended before its start, and was not told to, says why. */
	if (waits && !keeper->forced && (keeper->client.ended ?
	    keeper->told == 0 : may_start_client(launch)))
		start_client(keeper);
	if (keeper->client.ended || keeper->forced)
		begin_stop(keeper);
}

/* Returns whether there is still something to keep. */
static bool
attend_children(struct keeper *keeper)
{
	struct child *const both[] = { &keeper->service, &keeper->client };
	bool had_ended = keeper->service.ended, children;
	bool client_had_ended = keeper->client.ended;
	struct signalfd_siginfo signal;
	char end[64];

	while (read(keeper->children, &signal, sizeof(signal)) ==
	    sizeof(signal))
		;
	children = processes_reap(both, 2);
	if (has_client(keeper) && (had_ended != keeper->service.ended ||
	    client_had_ended != keeper->client.ended))
		hear_of_signals(keeper);
	if (!had_ended && keeper->service.ended) {
		describe_end(&keeper->service, end, sizeof(end));
		say_detail(&keeper->launch->console, "%s (%d) %s",
		    keeper->launch->command[0], keeper->service.pid, end);
		if (!has_client(keeper))
			attend_service_end(keeper, children);
	}
	if (has_client(keeper))
		attend_client(keeper);
	return children;
}

/* The sooner of two times to wait, -1 being for ever. */
static int
sooner(int a, int b)
{
	return a == -1 || (b != -1 && b < a) ? b : a;
}

static int
choose_timeout(struct keeper *keeper)
{
	int timeout = adopt_timeout(&keeper->adoption);
	int64_t left;

	if (keeper->stopping)
		return sooner(timeout, process_stop_step(&keeper->stop));
	if (keeper->client_channel != -1)
		return keeper->launch->handoff == RESERVE ?
		    sooner(timeout, LOOK) : 0;
	if (keeper->client_until == 0)
		return timeout;
	left = keeper->client_until - process_clock();
	return sooner(timeout, left < 0 ? 0 : (int)left);
}

/* One round: waits, then attends to whatever has something to say. */
static bool
keep_on(struct keeper *keeper)
{
	struct adoption *adoption = &keeper->adoption;
	struct pollfd *polls = adoption->polls;
	bool front_speaks;

	polls[0] = (struct pollfd){ .fd = keeper->front, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = keeper->children, .events = POLLIN };
	polls[2] = (struct pollfd){ .fd = keeper->filter_gone ? -1 :
	    adoption->notify, .events = POLLIN };
	if (poll(polls, adopt_poll(adoption), choose_timeout(keeper)) == -1)
		return true;
	front_speaks = polls[0].revents != 0;
	adopt_attend(adoption);
	if ((polls[2].revents & POLLIN) != 0)
		adopt_answer(adoption);	/* and polls may have moved */
	else if (polls[2].revents != 0)
		keeper->filter_gone = true;
	if (front_speaks)
		attend_front(keeper);
	if (attend_children(keeper))
		return !keeper->stopping ||
		    process_stop_goes_on(&keeper->stop);
	return adoption->notify != -1 && !keeper->filter_gone;
}

/* What was made is ours alone still: to find it takes no /proc. */
static _Noreturn void
refuse(const struct keeper *keeper, int status, const struct failure *failure)
{
	struct note note = { .kind = NOTE_FAILED, .value = status,
	    .failure = *failure };

	if (keeper->service.pid > 0)
		kill(keeper->service.pid, SIGKILL);
	if (keeper->client.pid > 0)
		kill(keeper->client.pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	channel_send(keeper->front, &note, -1);
	_exit(status);
}

/*
 * Makes the process that is to become service or client, while the caller's
 * descriptors are all there to be inherited.  Returns the channel to it.
 */
static int
make_process(struct keeper *keeper, struct child *child, pid_t group,
    void (*become)(struct launch *, int, pid_t))
{
	struct failure failure;
	int ends[2];

	if (channel_open(ends) == -1) {
		fail(&failure, errno, "socketpair");
		refuse(keeper, STATUS_FAILED, &failure);
	}
	if ((child->pid = fork()) == -1) {
		fail(&failure, errno, "fork");
		child->pid = 0;
		refuse(keeper, STATUS_FAILED, &failure);
	}
	if (child->pid == 0) {
		close(ends[0]);
		close(keeper->front);
		close(keeper->children);
		become(keeper->launch, ends[1], group);
	}
	close(ends[1]);
	return ends[0];
}

/* The caller's soft limit is for the service and the client, which have it. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* What cannot be found cannot be stopped: so rather not begin. */
static int
check_room(const struct keeper *keeper)
{
	int fds[SPARE], count = 0, error;

	while (count < SPARE && (fds[count] = fcntl(keeper->front,
	    F_DUPFD_CLOEXEC, 0)) != -1)
		count++;
	error = count == SPARE ? 0 : errno;
	while (count > 0)
		close(fds[--count]);
	errno = error;
	return error == 0 ? 0 : -1;
}

static void
start_service(struct keeper *keeper, pid_t group)
{
	struct note note = { .kind = NOTE_READY };
	struct failure failure = { "" };
	sigset_t all;
	int channel, error;

	channel = make_process(keeper, &keeper->service, group, be_service);
	if (try_adoption(keeper, channel, &failure) == -1)
		refuse(keeper, STATUS_FAILED, &failure);
	if (has_client(keeper))
		keeper->client_channel = make_process(keeper, &keeper->client,
		    group, be_client);
	raise_limit();
	if (check_room(keeper) == -1) {
		fail(&failure, errno, "keeper");
		refuse(keeper, STATUS_FAILED, &failure);
	}
	/*
	 * Who signals the whole tree, as systemd does, means the service; off
	 * the terminal's foreground there may be something to say, too.
	 */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* The front may be gone, or have failed. */
	if (channel_send(keeper->front, &note, -1) == -1 ||
	    channel_receive(keeper->front, &note, NULL) != 1) {
		channel_fail(&failure, "the front");
		refuse(keeper, STATUS_FAILED, &failure);
	}
	reports_recognise(keeper->launch->reports);
	error = let_go(channel);
	close_callers_descriptors(keeper, channel);
	if (await_start(channel, error, &note, "the service's process") == -1)
		refuse(keeper, note.value, &note.failure);
	close(channel);
	note.kind = NOTE_STARTED;
	channel_send(keeper->front, &note, -1);
	keeper->service.started_at = process_clock();
	say_detail(&keeper->launch->console, "started %s as process %d",
	    keeper->launch->command[0], keeper->service.pid);
}

/* What the front would do, were it still there. */
static void
clean_up(const struct keeper *keeper)
{
	if (!has_client(keeper) || keeper->front != -1)
		return;
	reports_discard(keeper->launch->reports, false);
	listeners_discard(&keeper->launch->listeners, false);
}

void
keeper_main(struct launch *launch, int channel)
{
	struct keeper keeper = {
		.launch = launch,
		.front = channel,
		.client_channel = -1,
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
	if (keeper.children == -1 || adopt_begin(&keeper.adoption) == -1) {
		fail(&failure, errno, "keeper");
		refuse(&keeper, STATUS_FAILED, &failure);
	}
	start_service(&keeper, group);
	while (keep_on(&keeper))
		;
	if (has_client(&keeper))
		say_summary(&keeper);
	clean_up(&keeper);
	tell_end(&keeper, NOTE_ENDED);
	_exit(0);
}
