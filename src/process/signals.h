/* SPDX-License-Identifier: ISC */
#ifndef SIGNALS_H
#define SIGNALS_H

/*
 * Signals: the caller's settings, which are restored before execve(2); the
 * signals that the front forwards; how to die of a signal.
 */

#include <signal.h>
#include <stdbool.h>

/* The caller's settings that portexec changes. */
struct signals {
	sigset_t		mask;
	struct sigaction	pipe, child;	/* SIGPIPE, SIGCHLD */
	sigset_t		held;		/* by signals_hold() */
};

/*
 * Stores the caller's settings, ignores SIGPIPE, and gives SIGCHLD its
 * default action: while SIGCHLD is ignored, the kernel reaps our children
 * itself (wait(2), NOTES).
 */
void	signals_save(struct signals *signals);

/* Restores the caller's settings, the signal mask included. */
void	signals_restore(const struct signals *signals);

/* Returns whether the signal is INT, TERM, HUP or QUIT. */
bool	signals_stop(int signo);

/* Returns whether this process ignores the signal. */
bool	signals_ignored(int signo);

/*
 * Blocks the signals of signals_stop(), except those that the caller blocked
 * or ignored.  So portexec can remove its files and unix paths before it ends.
 * signals_restore() unblocks them.
 */
void	signals_hold(struct signals *signals);

/*
 * Waits up to timeout milliseconds for one of the signals that are held.
 * Returns it, or 0 if none came.
 */
int	signals_await(const struct signals *signals, int timeout);

/*
 * Blocks SIGCHLD and every signal that the front forwards.  Returns a signalfd
 * for them, close-on-exec and non-blocking, which is to be closed with
 * close(2); or -1 and errno.
 */
int	signals_open(void);

/* The same for SIGCHLD and the signals of signals_stop(). */
int	signals_open_stops(void);

/*
 * Returns the signal of that name, with or without SIG, in either case; or of
 * that number.  Returns -1 if there is none.
 */
int	signals_find(const char *name);

/* Gives the signal its default action. */
void	signals_default(int signo);

/*
 * Dies of the signal.  Leaves no core dump: the service has left its own.
 * Returns 128 + signo if the signal does not kill.
 */
int	signals_die(int signo);

#endif
