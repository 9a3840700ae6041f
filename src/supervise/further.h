/* SPDX-License-Identifier: ISC */
#ifndef FURTHER_H
#define FURTHER_H

/*
 * Under --map any: where the service listens beside the port that was taken,
 * in case another one was meant.
 */

#include <stddef.h>
#include <stdint.h>

struct run;

struct further {
	size_t	seen;		/* ports of adoption's, at the last step */
	int64_t	look_at;	/* events_clock(); 0: never */
	int	pause;		/* until the look after that, in ms */
};

/*
 * Says what is to be said, once a port.  It is looked after a bind(2) whether
 * listen(2) has followed; then seldomer, and after a minute no more.  Call this
 * before each wait.  Returns the milliseconds until the next call at the
 * latest, or -1 if only an event can change anything.
 */
int	further_step(struct run *run);

#endif
