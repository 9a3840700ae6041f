/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "process/signals.h"
#include "supervise/outside.h"
#include "supervise/run.h"

enum {
	RECENT_MS = 1000,	/* a sender may be slow under load */
	/*
	 * A second stop signal within this time is no second one: timeout(1)
	 * signals its child, and then its process group.
	 */
	ECHO_MS = 250
};

static bool
is_recent(const struct notice *notice, int signo)
{
	return notice->signo == signo &&
	    events_clock() - notice->at < RECENT_MS;
}

static struct notice
notice(int signo)
{
	return (struct notice){ signo, events_clock() };
}

/* With -s, the signal that the service gets in place of TERM. */
static int
translate(const struct run *run, int signo)
{
	return signo == SIGTERM ? run->launch->options->stop_signal : signo;
}

/* A service that goes on after a stop signal may be told again. */
static void
forget_last(struct run *run)
{
	if (!run_has_client(run) && run->state == RUN_GOING)
		pids_clear(&run->told);
}

static void
tell_service(struct run *run, int signo)
{
	run->stop_with = translate(run, signo);
	if (!run->service.ended)
		kill(run->service.pid, run->stop_with);
}

static void
pass_on(struct run *run, int signo)
{
	if (run_has_client(run)) {
		run_stop_client(run, signo);
		return;
	}
	forget_last(run);
	tell_service(run, signo);
}

/* The sender has told all descendants, or those in the process group. */
static void
note_reached(struct run *run, int signo, pid_t group)
{
	forget_last(run);
	pids_note(&run->told, signo, group);
	run->outside.pending = 0;
	run->outside.keeper.signo = run->outside.witness.signo = 0;
	run->stop_with = signo;
	if (run->state == RUN_STOPPING)
		stop_change(&run->stop, signo);
	else if (run_has_client(run))
		run_stop_client(run, signo);
	else if (!pids_has(&run->told, run->service.pid))
		tell_service(run, signo);	/* it has left the group */
}

static void
remember(struct run *run, int signo)
{
	if (run->stop_signal != 0)
		return;
	run->stop_signal = signo;
	run->adoption.stopping = true;
	run->stop_time = events_clock();
	if (run->cause == CAUSE_CLIENT)
		run->cause = CAUSE_SIGNAL;
}

/* Whether this is a second stop signal, after which nothing is waited for. */
static bool
is_impatient(const struct run *run)
{
	return run->stop_signal != 0 &&
	    events_clock() - run->stop_time > ECHO_MS &&
	    (run_has_client(run) || run->state == RUN_STOPPING);
}

void
outside_tell_front(struct run *run, int signo, bool delivered)
{
	struct outside *outside = &run->outside;
	bool first = run->stop_signal == 0;

	outside->front = notice(signo);
	if (is_impatient(run)) {
		run_kill(run);
		return;
	}
	if (run_has_client(run) && !first)
		return;
	remember(run, signo);
	if (delivered)
		note_reached(run, signo, run->group);
	else if (is_recent(&outside->keeper, signo))
		note_reached(run, signo, 0);
	else if (outside->pending != signo) {
		if (outside->pending != 0)
			pass_on(run, outside->pending);
		outside->pending = signo;
		outside->due = events_clock() + OUTSIDE_MS;
	}
}

void
outside_settle(struct run *run, int signo)
{
	const struct outside *outside = &run->outside;

	if (is_recent(&outside->keeper, signo))
		note_reached(run, signo, is_recent(&outside->front, signo) ?
		    0 : getpgrp());
}

void
outside_tell_keeper(struct run *run, int signo)
{
	run->outside.keeper = notice(signo);
	if (run->outside.pending == signo)
		note_reached(run, signo, 0);
	else if (run->state == RUN_STOPPING)
		outside_settle(run, signo);
}

void
outside_tell_witness(struct run *run, int signo)
{
	run->outside.witness = notice(signo);
}

int
outside_step(struct run *run)
{
	struct outside *outside = &run->outside;
	int64_t left = outside->due - events_clock();
	int signo = outside->pending;

	if (signo == 0)
		return -1;
	if (left > 0)
		return (int)left;
	if (is_recent(&outside->witness, signo) ||
	    witness_is_told(&run->witness, signo))
		note_reached(run, signo, run->group);
	else
		pass_on(run, signo);
	outside->pending = 0;
	return -1;
}

bool
outside_is_suspected(int status)
{
	return signals_stop(WIFSIGNALED(status) ? WTERMSIG(status) :
	    WEXITSTATUS(status) - 128);
}
