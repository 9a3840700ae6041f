/* SPDX-License-Identifier: ISC */
#ifndef STOP_H
#define STOP_H

/*
 * A stop of descendants of this process, which is a subreaper: a signal, and
 * after a grace KILL.
 *
 * Our children get the signal first.  A process whose parent ends becomes our
 * child, and gets the signal then.  So a wrapper that relays the signal is left
 * to do so: it lives as long as what it runs.  A wrapper that does not relay it
 * ends at once, and what it leaves is told by us.  A shell does neither on INT:
 * the command that it runs then is told with it.  A command that it runs later,
 * in a trap say, is not.  When four fifths of the grace have gone by, every
 * process is told that was not told before.
 *
 * A process that ignores the signal gets TERM: a shell has its background jobs
 * ignore INT and QUIT.
 *
 * A stop that began with another signal than TERM begins again with TERM after
 * half of the grace.  Some seconds after KILL, the stop gives up on processes
 * that do not end.
 *
 * No process gets the same signal twice before KILL.
 *
 * After stop_begin(), call stop_step() until no process is left, or until
 * stop_goes_on() is false.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pids {
	pid_t	*list;		/* owned */
	size_t	 count;
};

struct stop {
	pid_t		 root;	/* with its descendants; 0: all of ours */
	struct pids	 scope;	/* those, also when root has ended */
	struct pids	*told;	/* have got the signal; not owned */
	int		 signo;
	bool		 begun;	/* a signal was sent */
	/* On events_clock(). */
	int64_t		 begin_at, term_at, rest_at, kill_at, give_up_at;
};

/*
 * Begins a stop with the signal signo.  If root is not 0, it is a child of this
 * process: only root and its descendants are stopped.  delay is the time until
 * the first signal, grace the time from then until KILL, in milliseconds.  told
 * has the processes that are not to get signo, and is added to.
 */
void	stop_begin(struct stop *stop, struct pids *told, pid_t root, int signo,
    int delay, int grace);

/* If no signal was sent yet, has the stop begin with signo. */
void	stop_change(struct stop *stop, int signo);

/* Has the next stop_step() send KILL. */
void	stop_hasten(struct stop *stop);

/*
 * Sends the signals that are due.  Returns the milliseconds until the next
 * call, which is due sooner when a child has ended.
 */
int	stop_step(struct stop *stop);

/* Whether the time for KILL has come. */
bool	stop_kills(const struct stop *stop);

/* Whether it is not yet time to give up. */
bool	stop_goes_on(const struct stop *stop);

/*
 * Whether a process of the stop is left that has got the signal.  To be called
 * after stop_step().
 */
bool	stop_is_awaited(const struct stop *stop);

/* Frees the memory of the stop, but not told. */
void	stop_end(struct stop *stop);

/*
 * Adds to told all descendants of this process, or if group is not 0 those in
 * that process group, to which somebody has sent signo.  Leaves out those that
 * ignore it.
 */
void	pids_note(struct pids *told, int signo, pid_t group);

bool	pids_has(const struct pids *told, pid_t pid);

/* Empties the set, and frees its memory. */
void	pids_clear(struct pids *told);

#endif
