/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "process/sigmask.h"
#include "process/signals.h"

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

enum { STOP_SIGNALS = sizeof(stop_signals) / sizeof(stop_signals[0]) };

/* sigabbrev_np(3) is glibc's alone. */
static const struct {
	char	name[7];
	int	signo;
} names[] = {
	{ "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT },
	{ "ILL", SIGILL }, { "TRAP", SIGTRAP }, { "ABRT", SIGABRT },
	{ "BUS", SIGBUS }, { "FPE", SIGFPE }, { "KILL", SIGKILL },
	{ "USR1", SIGUSR1 }, { "SEGV", SIGSEGV }, { "USR2", SIGUSR2 },
	{ "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM },
	{ "CHLD", SIGCHLD }, { "CONT", SIGCONT }, { "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU },
	{ "URG", SIGURG }, { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH },
	{ "POLL", SIGPOLL }, { "IO", SIGIO }, { "PWR", SIGPWR },
	{ "SYS", SIGSYS },
};

/*
 * A disposition as the kernel has it, in whatever order.  All zeros is SIG_DFL.
 * One that was SIG_IGN before execve(2) has no flags and no mask.
 */
struct action {
	unsigned long	words[8];
};

static const struct action by_default;

/* As sigaction(2), also for the signals that a libc keeps to itself. */
static void
change_action(int signo, const struct action *action, struct action *old)
{
	syscall(SYS_rt_sigaction, signo, action, old, SIGMASK_BYTES);
}

void
signals_save(struct signals *signals)
{
	struct sigaction action = { .sa_handler = SIG_IGN };

	sigemptyset(&signals->mask);
	sigemptyset(&signals->held);
	sigmask_change(SIG_SETMASK, NULL, &signals->mask);
	sigaction(SIGPIPE, &action, &signals->pipe);
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, &signals->child);
}

void
signals_restore(const struct signals *signals)
{
	sigaction(SIGPIPE, &signals->pipe, NULL);
	sigaction(SIGCHLD, &signals->child, NULL);
	sigmask_change(SIG_SETMASK, &signals->mask, NULL);
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

/*
 * A signal that is blocked reaches a signalfd even if it is ignored.  Nothing
 * is caught here: what is not SIG_DFL is SIG_IGN.
 */
bool
signals_ignored(int signo)
{
	struct action action = by_default;

	change_action(signo, NULL, &action);
	return memcmp(&action, &by_default, sizeof(action)) != 0;
}

void
signals_hold(struct signals *signals)
{
	size_t i;

	for (i = 0; i < STOP_SIGNALS; i++)
		if (!sigismember(&signals->mask, stop_signals[i]) &&
		    !signals_ignored(stop_signals[i]))
			sigmask_add(&signals->held, stop_signals[i]);
	sigmask_change(SIG_BLOCK, &signals->held, NULL);
}

int
signals_await(const struct signals *signals, int timeout)
{
	const struct timespec time = { timeout / 1000,
	    timeout % 1000 * 1000000L };
	int signo;

	do
		signo = sigtimedwait(&signals->held, NULL, &time);
	while (signo == -1 && errno == EINTR);
	return signo == -1 ? 0 : signo;
}

int
signals_open(void)
{
	/*
	 * The signals of job control go to the service too, where it is in the
	 * front's process group.  A fault of the front must kill the front.
	 */
	static const int not_forwarded[] = { SIGTSTP, SIGTTIN, SIGTTOU,
	    SIGCONT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS,
	    SIGABRT, SIGPIPE };
	sigset_t set;
	size_t i;

	sigmask_fill(&set);
	for (i = 0; i < sizeof(not_forwarded) / sizeof(not_forwarded[0]); i++)
		sigdelset(&set, not_forwarded[i]);
	sigmask_change(SIG_BLOCK, &set, NULL);
	return sigmask_open(&set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
signals_open_stops(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	sigmask_add(&set, SIGCHLD);
	for (i = 0; i < STOP_SIGNALS; i++)
		sigmask_add(&set, stop_signals[i]);
	sigmask_change(SIG_BLOCK, &set, NULL);
	return sigmask_open(&set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
signals_find(const char *name)
{
	size_t i, digits = strspn(name, "0123456789");
	long number = digits > 2 ? 0 : strtol(name, NULL, 10);

	if (digits > 0)
		return name[digits] == '\0' && number > 0 &&
		    number < _NSIG ? (int)number : -1;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i].name) == 0)
			return names[i].signo;
	return -1;
}

void
signals_default(int signo)
{
	change_action(signo, &by_default, NULL);
}

int
signals_die(int signo)
{
	sigset_t one;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	change_action(signo, &by_default, NULL);
	sigemptyset(&one);
	sigmask_add(&one, signo);
	kill(getpid(), signo);
	sigmask_change(SIG_UNBLOCK, &one, NULL);
	return 128 + signo;
}
