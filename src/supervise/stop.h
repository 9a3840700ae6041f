/* SPDX-License-Identifier: ISC */
#ifndef STOP_H
#define STOP_H

/*
 * A stop of all descendants of this process: first TERM, then KILL.  Some
 * seconds after KILL, the stop gives up on processes that do not end.
 *
 * No process gets TERM twice.  A process that is forked during the TERM may be
 * missed, and gets it when it loses its parent and so becomes our child.  A
 * process that is started later, to clean up for one that ends, gets none
 * while its parent lives.
 *
 * After stop_begin(), call stop_step() until no child is left or
 * stop_goes_on() is false; then stop_end().
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stop {
	int64_t	 kill_at, give_up_at;	/* on events_clock() */
	bool	 begun;			/* the first step was taken */
	pid_t	*told;			/* have got TERM; owned */
	size_t	 count;			/* of told */
};

/*
 * Begins a stop; the first stop_step() sends TERM.  grace is the time until
 * KILL, in milliseconds.
 */
void	stop_begin(struct stop *stop, int grace);

/* Has the next stop_step() send KILL. */
void	stop_hasten(struct stop *stop);

/*
 * Sends the signals that are due.  Returns the milliseconds until the next
 * call, which is due sooner when a child has ended.
 */
int	stop_step(struct stop *stop);

/* Whether it is not yet time to give up. */
bool	stop_goes_on(const struct stop *stop);

/* Frees the memory of the stop. */
void	stop_end(struct stop *stop);

#endif
