/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "adopt/holders.h"
#include "process/descriptors.h"
#include "process/tree.h"
#include "supervise/client.h"
#include "supervise/run.h"

bool
run_has_client(const struct run *run)
{
	return run->launch->script != NULL;
}

void
run_begin_grace(struct run *run)
{
	run->deadline = events_clock() + run->launch->options->kill_after;
	if (run->state == RUN_GOING)
		run->state = RUN_GRACE;
}

void
run_stop_client(struct run *run, int signo)
{
	if (run->state == RUN_STOPPING || run->state == RUN_CLIENT)
		return;
	if (run->client.pid == 0) {	/* and is not started any more */
		run->client_killed = true;
		run_stop(run);
		return;
	}
	run->state = RUN_CLIENT;
	stop_begin(&run->client_stop, &run->told, run->client.pid, signo, 0,
	    run->launch->options->kill_after);
}

/* A process that was told to stop may be the first of many. */
static int
choose_delay(const struct run *run)
{
	const struct child *first = run_has_client(run) ? &run->client :
	    &run->service;
	bool suspected = run->stop_signal == 0 && first->ended &&
	    outside_is_suspected(first->status);

	return suspected || run->outside.pending != 0 ? OUTSIDE_MS : 0;
}

void
run_stop(struct run *run)
{
	const struct options *options = run->launch->options;
	int signo = run->stop_with != 0 ? run->stop_with :
	    options->stop_signal;

	if (run->state == RUN_STOPPING)
		return;
	hang_review(run);
	if (run->state == RUN_CLIENT)
		stop_end(&run->client_stop);
	run->state = RUN_STOPPING;
	run->adoption.stopping = true;
	stop_begin(&run->stop, &run->told, 0, signo, choose_delay(run),
	    options->kill_after);
	outside_settle(run, signo);
}

void
run_kill(struct run *run)
{
	run->client_killed = run_has_client(run) && !run->client.ended;
	run_stop(run);
	stop_hasten(&run->stop);
}

void
run_time_out(struct run *run)
{
	run->cause = CAUSE_TIMEOUT;
	if (run_has_client(run))
		run_stop_client(run, SIGTERM);
	else
		run_stop(run);
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

static void
lower(int *least, int from, int fd)
{
	if (fd >= from && fd < *least)
		*least = fd;
}

/* Returns the first descriptor, of from and up, that the keeper needs. */
static int
next_needed(const struct run *run, int from)
{
	const struct listeners *listeners = &run->launch->listeners;
	const struct holder *holder;
	int least = INT_MAX;
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		lower(&least, from, listeners->list[i].fd);
		lower(&least, from, listeners->list[i].reserve);
		lower(&least, from, run->adoption.watches[i].first);
	}
	/* A service may have bound before the client was made. */
	for (holder = run->adoption.holders; holder != NULL;
	    holder = holder->next)
		lower(&least, from, holder->pidfd);
	lower(&least, from, run->service.channel);
	lower(&least, from, run->front);
	lower(&least, from, run->signals);
	lower(&least, from, run->witness.fd);
	lower(&least, from, run->service.silence);
	lower(&least, from, run->adoption.services.notify);
	lower(&least, from, run->adoption.clients.notify);
	lower(&least, from, run->adoption.services.connected.pidfd);
	lower(&least, from, run->adoption.events);
	return least;
}

/*
 * If the keeper kept the write end of a pipe, the pipe's reader would see no
 * end-of-file.
 */
void
run_close_callers(const struct run *run)
{
	int fd = FIRST_FD, next;

	replace_with_null(STDIN_FILENO, STDOUT_FILENO);
	while ((next = next_needed(run, fd)) != INT_MAX) {
		descriptors_close(fd, next, &run->files);
		fd = next + 1;
	}
	descriptors_close(fd, INT_MAX, &run->files);
}

static void
close_front(struct run *run)
{
	events_watch(run->adoption.events, &run->front_source, -1, 0);
	close(run->front);
	run->front = -1;
}

/*
 * The front has left in good order, and what still runs is a daemon: lets go of
 * the caller's standard error, and is silent from now on.
 */
static void
detach(struct run *run)
{
	close_front(run);
	replace_with_null(STDERR_FILENO, STDERR_FILENO);
	run->launch->log.verbosity = QUIET;
}

static void
forward(struct run *run, int signo, bool delivered)
{
	if (signals_stop(signo))
		outside_tell_front(run, signo, delivered);
	else if (!delivered && !run->service.ended)
		kill(run->service.pid, signo);
}

enum message_kind
run_hear_front(struct run *run)
{
	struct message message = { .kind = MSG_RELEASED };

	if (channel_receive(run->front, &message, NULL) != 1) {
		close_front(run);
		run->stop_signal = SIGKILL;
		run_stop(run);
		return MSG_FAILED;
	}
	if (message.kind == MSG_RELEASED)
		detach(run);
	else if (message.kind == MSG_SIGNAL || message.kind == MSG_DELIVERED)
		forward(run, message.value, message.kind == MSG_DELIVERED);
	return message.kind;
}

/*
 * A signal to a process group reaches all its members, the front among them,
 * before the end of any of them can be seen: __kill_pgrp_info() in
 * kernel/signal.c runs under tasklist_lock.  So once the keeper sees the end,
 * the front has the signal, and the answer MSG_SYNC comes after it.
 */
void
run_sync_signals(struct run *run)
{
	struct message message = { .kind = MSG_SYNC };

	/* After EPIPE, reads what the front sent before it ended. */
	if (run->front == -1 || (channel_send(run->front, &message,
	    -1) == -1 && errno != EPIPE))
		return;
	while (run->front != -1 && run_hear_front(run) != MSG_SYNC)
		;
}

void
run_describe_end(const struct child *child, char *text, size_t size)
{
	if (WIFSIGNALED(child->status))
		snprintf(text, size, "was killed by signal %d",
		    WTERMSIG(child->status));
	else
		snprintf(text, size, "ended with status %d",
		    WEXITSTATUS(child->status));
}

struct seconds
run_seconds(const struct run *run, int64_t when, int decimals)
{
	return seconds_text(when - run->service.started_at, decimals);
}

int
run_ending(const struct run *run)
{
	return run_has_client(run) || run->cause == CAUSE_TIMEOUT ?
	    client_ending(run) : run->service.status;
}

void
run_tell_end(const struct run *run, enum message_kind kind)
{
	struct message message = { .kind = kind,
	    .value = run_ending(run) };

	if (run->front != -1)
		channel_send(run->front, &message, -1);
}
