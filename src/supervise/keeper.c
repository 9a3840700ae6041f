/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adopt/bind_call.h"
#include "adopt/holders.h"
#include "adopt/notification.h"
#include "adopt/waiting.h"
#include "process/sigmask.h"
#include "process/tree.h"
#include "supervise/client.h"
#include "supervise/keeper.h"
#include "supervise/run.h"

enum {
	HELD_FDS = 8,	/* but sockets: the standard three, next_needed() */
	SPARE_FDS = 8	/* for answering bind(2) and reading /proc */
};

/* Logs the last line of -v.  Its times count from the service's start. */
static void
summarize(const struct run *run)
{
	static const char handoffs[][8] = { [INHERIT] = "inherit",
	    [ADOPT] = "adopt", [RESERVE] = "reserve" };
	const struct launch *launch = run->launch;
	int64_t client_ended_at = run->client.pid == 0 ? events_clock() :
	    run->client.ended_at;
	int64_t taken_at = launch->handoff == RESERVE ?
	    run->client.started_at : run->adoption.adopted_at;
	char taken[48] = "", client[64] = "was not started", service[64];

	if (launch->log.verbosity != VERBOSE)
		return;
	if (taken_at != 0)
		snprintf(taken, sizeof(taken), ", taken after %s s",
		    run_seconds(run, taken_at, 3).text);
	if (run->client.started_at != 0)
		run_describe_end(&run->client, client, sizeof(client));
	run_describe_end(&run->service, service, sizeof(service));
	log_debug(&launch->log, "%s by %s%s; the client %s after %s s; "
	    "%s %s after %s s", launch->listeners.list[0].addr,
	    handoffs[launch->handoff], taken, client,
	    run_seconds(run, client_ended_at, 3).text, launch->command[0],
	    service, run_seconds(run, run->service.ended_at, 3).text);
}

/* A file system cannot be unmounted while a process has its folder. */
static void
leave_directory(const struct run *run)
{
	if (!listeners_need_directory(&run->launch->listeners) &&
	    chdir("/") == -1)
		log_debug(&run->launch->log, "chdir to /: %s",
		    strerror(errno));
}

/*
 * Without -c.  If the service ended by itself, the processes that it left are
 * daemons and go on.  If it failed and none of them has a listener open, closes
 * the listeners, so that no client waits for a dead service.
 */
static void
handle_service_end(struct run *run)
{
	if (run->stop_signal != 0 || WIFSIGNALED(run->service.status))
		run_stop(run);
	else if (run->children_left) {
		if (run->launch->handoff == ADOPT &&
		    run->service.status != 0 && !holders_any(&run->adoption))
			adoption_close_all(&run->adoption);
		leave_directory(run);
		run_tell_end(run, MSG_LEFT);
	}
}

static void
log_end_of_service(const struct run *run)
{
	char end[64];

	if (run->launch->log.verbosity != VERBOSE)
		return;
	run_describe_end(&run->service, end, sizeof(end));
	log_debug(&run->launch->log, "%s (%d) %s", run->launch->command[0],
	    run->service.pid, end);
}

/*
 * With an instance of io_uring(7) a service can bind, and fail at that, without
 * any system call that the filter could report.
 */
static void
report_unseen(const struct run *run)
{
	int status = run->service.status;

	if (run->adoption.has_ring && run->adoption.adopted_at == 0 &&
	    run->stop_signal == 0 && !run->client.ended &&
	    WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_info(&run->launch->log, "%s uses io_uring: if that is how "
		    "it calls bind, try -H reserve", run->launch->command[0]);
}

/* Reaps and follows up on what ended.  Returns whether a child is left. */
static bool
handle_ends(struct run *run)
{
	struct child *const both[] = { &run->service, &run->client };
	bool service_had_ended = run->service.ended;
	bool client_had_ended = run->client.ended;

	if (run->reap) {
		run->reap = false;
		run->children_left = children_reap(both, 2);
	}
	if (run_has_client(run) && (service_had_ended != run->service.ended ||
	    client_had_ended != run->client.ended))
		run_sync_signals(run);
	if (!service_had_ended && run->service.ended) {
		log_end_of_service(run);
		report_unseen(run);
		if (!run_has_client(run))
			handle_service_end(run);
	}
	if (run_has_client(run))
		client_step(run);
	return run->children_left;
}

static void
handle_front(void *context, uint32_t events)
{
	(void)events;
	run_hear_front(context);
}

/* Empties the signalfd; after SIGCHLD has handle_ends() reap. */
static void
handle_signals(void *context, uint32_t events)
{
	struct run *run = context;
	struct signalfd_siginfo signal;

	(void)events;
	while (read(run->signals, &signal, sizeof(signal)) == sizeof(signal))
		if (signal.ssi_signo == SIGCHLD)
			run->reap = true;
		else
			outside_tell_keeper(run, (int)signal.ssi_signo);
}

static void
handle_witness(void *context, uint32_t events)
{
	struct run *run = context;
	int signo = witness_hear(&run->witness);

	(void)events;
	if (signo > 0)
		outside_tell_witness(run, signo);
	else if (signo == 0)	/* the front is gone, and the witness with it */
		events_watch(run->adoption.events, &run->witness_source, -1,
		    0);
}

/* EPOLLHUP: no process is under the filter any more (seccomp_unotify(2)). */
static void
handle_notify(void *context, uint32_t events)
{
	struct run *run = context;
	struct adoption *adoption = &run->adoption;

	if ((events & EPOLLIN) != 0) {
		notification_answer(adoption, &adoption->services);
		return;
	}
	run->notify_source.fd = -1;
	close(adoption->services.notify);
	adoption->services.notify = -1;
	adoption->look_at = 0;
}

/* The shorter of two timeouts; -1 is without a limit. */
static int
sooner(int a, int b)
{
	return a == -1 || (b != -1 && b < a) ? b : a;
}

static int
choose_timeout(struct run *run)
{
	int timeout = sooner(hang_step(run), waiting_step(&run->adoption));

	timeout = sooner(timeout, outside_step(run));
	timeout = sooner(timeout, further_step(run));
	return sooner(timeout, client_timeout(run));
}

/*
 * The keeper cannot wait for anything any more.  The front sees that it is
 * gone, and stops the rest.
 */
static _Noreturn void
give_up(const struct run *run)
{
	fail(run->failure, errno, "keeper: poll");
	log_failure(run->failure);
	_exit(STATUS_FAILED);
}

/* One round of the loop.  Returns whether the keeper has to go on. */
static bool
keep_on(struct run *run)
{
	if (events_wait(run->adoption.events, &run->notify_source,
	    choose_timeout(run)) == 0)
		run->failures = 0;
	else if (!events_retry(&run->failures))
		give_up(run);
	/* The front has released us: only adopt has more to do. */
	if (run->front == -1 && run->state == RUN_GOING &&
	    run->launch->handoff != ADOPT)
		return false;
	if (handle_ends(run))
		return run->state != RUN_STOPPING || stop_goes_on(&run->stop);
	return run->adoption.services.notify != -1;
}

/* What the front would have removed, if it were there. */
static void
clean_up(const struct run *run)
{
	port_files_discard(run->launch->files, false);
	listeners_discard(&run->launch->listeners, false);
}

/*
 * Reports to the front and exits.  Nothing has been executed yet, so the
 * service's process is all there is to kill.
 */
static _Noreturn void
refuse(const struct run *run, int status)
{
	struct message message = { .kind = MSG_FAILED, .value = status,
	    .failure = run->failure };

	if (run->service.pid > 0)
		kill(run->service.pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	if (channel_send(run->front, &message, -1) == -1)
		clean_up(run);
	_exit(status);
}

/* Goes on if result is not -1; else refuses, with errno as the reason. */
static void
require(const struct run *run, int result)
{
	if (result != -1)
		return;
	fail(run->failure, errno, "keeper");
	refuse(run, STATUS_FAILED);
}

/*
 * Raises the keeper's own limit of descriptors.  The service was forked before,
 * and keeps the caller's.  Returns 0; or -1 and errno, if there is no room for
 * SPARE_FDS besides what the keeper holds.
 */
static int
make_room(struct run *run)
{
	size_t held = HELD_FDS + 2 * run->launch->listeners.count;
	struct rlimit limit;

	if (prlimit(0, RLIMIT_NOFILE, NULL, &run->files) == -1)
		return -1;
	limit = run->files;
	limit.rlim_cur = limit.rlim_max;
	if (prlimit(0, RLIMIT_NOFILE, &limit, NULL) == -1)
		return -1;
	if (limit.rlim_cur >= held + SPARE_FDS)
		return 0;
	errno = EMFILE;
	return -1;
}

static void
make_service(struct run *run)
{
	if (child_fork(&run->service, run->launch, run->group, run->front,
	    run->signals, run->failure) == -1 ||
	    child_try(&run->service, run->launch, &run->adoption,
	    run->failure) == -1)
		refuse(run, STATUS_FAILED);
}

/*
 * Waits until the front has listened, announced the ports and written files.
 * If the front is killed meanwhile, the keeper removes these.
 */
static void
await_go(const struct run *run)
{
	struct message message = { .kind = MSG_READY };
	bool told = channel_send(run->front, &message, -1) == 0 &&
	    channel_receive(run->front, &message, NULL) == 1;

	if (!told)
		channel_fail(run->failure, "the front");
	port_files_recognise(run->launch->files);
	if (!told)
		refuse(run, STATUS_FAILED);
}

static void
start_service(struct run *run)
{
	struct message message = { .kind = MSG_STARTED };
	struct child *service = &run->service;
	int status = child_release(service, run->failure);

	if (status != 0)
		refuse(run, status);
	channel_send(run->front, &message, -1);
	service->started_at = events_clock();
	hang_begin(run);
	if (!run_has_client(run))
		run_close_callers(run);
	log_debug(&run->launch->log, "started %s as process %d",
	    run->launch->command[0], service->pid);
	if (run->adoption.services.notify != -1)
		bind_call_begin(&run->adoption);
}

static int
watch(struct run *run, struct event_source *source, event_handler *handle,
    int fd)
{
	*source = (struct event_source){ .handle = handle, .context = run };
	return events_watch(run->adoption.events, source, fd, EPOLLIN);
}

/*
 * Watches what lasts before a service is started, so that a lack of memory is
 * found in time.  Returns 0, or -1 and errno.
 */
static int
watch_all(struct run *run)
{
	run->adoption.events = events_open();
	if (run->adoption.events == -1 ||
	    watch(run, &run->signals_source, handle_signals,
	    run->signals) == -1 ||
	    watch(run, &run->witness_source, handle_witness,
	    run->witness.fd) == -1 ||
	    watch(run, &run->front_source, handle_front, run->front) == -1)
		return -1;
	run->notify_source = (struct event_source){ .handle = handle_notify,
	    .context = run, .fd = run->adoption.services.notify,
	    .wanted = EPOLLIN };
	return waiting_begin(&run->adoption);
}

static int
become_keeper(struct run *run)
{
	setpgid(0, 0);
	if (run->witness.pid == 0)
		run->group = getpgrp();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	/* When the front dies: a keeper that is stopped has to see it. */
	prctl(PR_SET_PDEATHSIG, SIGCONT, 0, 0, 0);
	run->signals = signals_open_stops();
	return run->signals == -1 ? -1 : 0;
}

/*
 * No signal is for the keeper to act on.  And the keeper is not in the
 * terminal's foreground process group: unless SIGTTOU is blocked, it may stop
 * the keeper when it writes a line.
 */
static void
block_signals(void)
{
	sigset_t all;

	sigmask_fill(&all);
	sigmask_change(SIG_BLOCK, &all, NULL);
}

void
keeper_main(struct launch *launch, int channel, const struct witness *witness,
    struct failure *failure)
{
	struct run run = {
		.launch = launch,
		.failure = failure,
		.front = channel,
		.group = getpgrp(),
		.witness = *witness,
		.reap = true,
		.adoption = { .listeners = &launch->listeners,
		    .maps = &launch->options->maps, .log = &launch->log,
		    .command = launch->command, .node_options =
		    options_variable(launch->options, "NODE_OPTIONS"),
		    .events = -1,
		    .services = { .notify = -1, .connected.pidfd = -1 },
		    .clients = { .notify = -1, .connected.pidfd = -1,
		    .is_clients = true },
		    .passes = launch->audience == AUDIENCE_WITH_FDS,
		    .has_unix = listeners_have_unix(&launch->listeners) },
		.service = { .channel = -1, .silence = -1 },
	};

	require(&run, become_keeper(&run));
	make_service(&run);
	require(&run, make_room(&run));
	require(&run, watch_all(&run));
	block_signals();
	await_go(&run);
	start_service(&run);
	while (keep_on(&run))
		;
	if (run_has_client(&run))
		summarize(&run);
	hang_end(&run, run_ending(&run) != 0);
	/* With -c the files and unix paths go at the end. */
	if (run_has_client(&run) && run.front == -1)
		clean_up(&run);
	run_tell_end(&run, MSG_ENDED);
	_exit(0);
}
