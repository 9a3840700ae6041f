/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include <stddef.h>

#include "process/signals.h"

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

enum { STOP_SIGNALS = sizeof(stop_signals) / sizeof(stop_signals[0]) };

void
signals_save(struct signals *signals)
{
	struct sigaction action = { .sa_handler = SIG_IGN };

	sigprocmask(SIG_SETMASK, NULL, &signals->mask);
	sigaction(SIGPIPE, &action, &signals->pipe);
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, &signals->child);
}

void
signals_restore(const struct signals *signals)
{
	sigaction(SIGPIPE, &signals->pipe, NULL);
	sigaction(SIGCHLD, &signals->child, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

bool
signals_stop(int signo)
{
	size_t i;

	for (i = 0; i < STOP_SIGNALS; i++)
		if (stop_signals[i] == signo)
			return true;
	return false;
}

/* A signal that is blocked reaches a signalfd even if it is ignored. */
bool
signals_ignored(int signo)
{
	struct sigaction action;

	return sigaction(signo, NULL, &action) == 0 &&
	    action.sa_handler == SIG_IGN;
}

void
signals_hold(const struct signals *signals, sigset_t *held)
{
	size_t i;

	sigemptyset(held);
	for (i = 0; i < STOP_SIGNALS; i++)
		if (!sigismember(&signals->mask, stop_signals[i]) &&
		    !signals_ignored(stop_signals[i]))
			sigaddset(held, stop_signals[i]);
	sigprocmask(SIG_BLOCK, held, NULL);
}

int
signals_open(void)
{
	/*
	 * Front and service are in one process group: the signals of job
	 * control stop both.  A fault of the front must kill the front.
	 */
	static const int not_forwarded[] = { SIGTSTP, SIGTTIN, SIGTTOU,
	    SIGCONT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS,
	    SIGABRT, SIGPIPE };
	sigset_t set;
	size_t i;

	sigfillset(&set);
	for (i = 0; i < sizeof(not_forwarded) / sizeof(not_forwarded[0]); i++)
		sigdelset(&set, not_forwarded[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
signals_die(int signo)
{
	sigset_t one;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(signo, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, signo);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	return 128 + signo;
}
