#ifndef SIGNALS_H
#define SIGNALS_H

/*
 * Signals: what the caller had set, and is to find again after execve(2);
 * which of them are forwarded; how to die of one.
 */

#include <signal.h>
#include <stdbool.h>

/* What the caller had set for the signals that portexec uses itself. */
struct signals {
	sigset_t		mask;
	struct sigaction	pipe, child;
};

/*
 * Stores what the caller had set, ignores SIGPIPE, and gives SIGCHLD its
 * default action: where it is ignored the kernel reaps our children itself
 * (wait(2), NOTES).  signals_restore() undoes both.
 */
void	signals_save(struct signals *signals);
void	signals_restore(const struct signals *signals);

/* Whether the signal asks a process to end: INT, TERM, HUP or QUIT. */
bool	signals_stop(int number);

/* Whether this process ignores the signal. */
bool	signals_ignored(int number);

/*
 * Blocks the signals of signals_stop() that the caller neither blocked nor
 * ignored, so that portexec can remove what it made before it ends.  Stores
 * them in *held.
 */
void	signals_hold(const struct signals *signals, sigset_t *held);

/*
 * Returns a signalfd for SIGCHLD and every signal that is forwarded, which
 * are blocked from now on: close-on-exec, non-blocking, owned by the caller.
 * Or -1 and errno.
 */
int	signals_open(void);

/*
 * Dies of the signal, without a core dump: the service has left its own.
 * Returns 128 + number where the signal does not kill.
 */
int	signals_die(int number);

#endif
