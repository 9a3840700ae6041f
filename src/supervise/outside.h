/* SPDX-License-Identifier: ISC */
#ifndef OUTSIDE_H
#define OUTSIDE_H

/*
 * A stop signal from outside, in the keeper: whom its sender has told, and whom
 * it is passed on to.
 *
 * A sender may mean the front alone; the front's process group, as timeout(1)
 * does and the terminal's keys do; or every process of the tree, as systemd
 * does.  The service must not be told twice.  It is in the keeper's process
 * group, so a signal to the front's group does not reach it.  If the keeper
 * gets the signal as well, the sender tells everybody.  So a signal to the
 * front is passed on 20 ms after it came, unless the keeper gets it, too.
 *
 * Where there is a terminal the service is in the front's group, to read it.
 * There the witness says whether the sender meant the group.
 */

#include <stdbool.h>
#include <stdint.h>

struct run;

/* The last stop signal that a process got. */
struct notice {
	int	signo;		/* 0: none */
	int64_t	at;		/* on events_clock() */
};

struct outside {
	struct notice	front, keeper, witness;
	int		pending;	/* to be passed on; 0: none */
	int64_t		due;		/* when, on events_clock() */
};

/*
 * The front got the stop signal signo.  delivered: the terminal sent it to the
 * whole group of the service.
 */
void	outside_tell_front(struct run *run, int signo, bool delivered);

/* The keeper, or the witness, got the stop signal signo. */
void	outside_tell_keeper(struct run *run, int signo);
void	outside_tell_witness(struct run *run, int signo);

/*
 * Passes on what is due.  Returns the milliseconds until more is, or -1 if
 * nothing is pending.
 */
int	outside_step(struct run *run);

/*
 * Whether a process that ended with this status of wait(2) seems to have been
 * told to stop.  Its sender may be about to tell others.
 */
bool	outside_is_suspected(int status);

/*
 * Has a stop with signo leave out those whom the keeper's sender has told, if
 * the keeper got that signal a moment ago.
 */
void	outside_settle(struct run *run, int signo);

/* The time in which a sender tells everybody, in milliseconds. */
enum { OUTSIDE_MS = 20 };

#endif
