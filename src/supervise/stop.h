#ifndef STOP_H
#define STOP_H

/*
 * A stop of all descendants: TERM, after a time KILL, and some seconds later
 * no more waiting for those that even KILL does not end.
 *
 * A process that was forked at the moment of the TERM gets its own as soon as
 * it has lost its parent.  What a process starts to end in good order gets
 * none.
 *
 * stop_begin() sends the TERM, stop_hasten() has the KILL follow at once.
 * Then stop_step() is called whenever the milliseconds that it returned have
 * gone by, or a child has ended, until nothing is left or stop_goes_on() is
 * false.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stop {
	int64_t	 kill_at, give_up_at;	/* on events_clock() */
	pid_t	*told;			/* got the TERM; owned */
	size_t	 count;
};

/* grace: the milliseconds from TERM to KILL. */
void	stop_begin(struct stop *stop, int grace);
void	stop_hasten(struct stop *stop);
int	stop_step(struct stop *stop);
bool	stop_goes_on(const struct stop *stop);
void	stop_end(struct stop *stop);

#endif
