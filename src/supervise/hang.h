/* SPDX-License-Identifier: ISC */
#ifndef HANG_H
#define HANG_H

/*
 * No run hangs in silence: what is said of clients that wait for the service,
 * when that is, and when -t ends the run.
 *
 * Clients that have waited for three seconds, and of whom none was taken, are
 * spoken of once, and again when the hint (hint.h) is another one.  Until then
 * nothing is looked at, and nothing at all while nobody waits.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

struct run;

struct hang {
	int64_t		 look_at;	/* events_clock() */
	int64_t		 progress_at;	/* the last bind(2) or execve(2) seen */
	unsigned	 calls;		/* of bind(2), at the last look */
	unsigned long long programs;	/* of the survey, likewise; 0: none */
	bool		 announced;	/* that -t will end the run soon */
	bool		 reviewed;	/* see hang_review() */
	bool		 awaited;	/* what was said holds to the end */
	/* What may be the last words of the run; "": nothing. */
	char		 last[LOG_MAX];	/* what is waited for */
	char		 unreached[LOG_MAX];	/* that no client came */
};

/*
 * Under reserve, where somebody waits for the service to listen: begins to
 * wait.  Call this when the service was started.
 */
void	hang_begin(struct run *run);

/*
 * Says what is to be said, and ends the run where -t has run out.  Call this
 * before each wait.  Returns the milliseconds until the next call at the
 * latest, or -1 if only an event can change anything.
 */
int	hang_step(struct run *run);

/*
 * The run comes to its end: learns whether clients that were spoken of have
 * been taken meanwhile.  Call this before the listeners are closed and the
 * service is stopped.  Once is enough.
 */
void	hang_review(struct run *run);

/*
 * The client has ended: if none has ever come to a socket of ours, and the
 * service listens elsewhere, that will be the last words.
 */
void	hang_client_ended(struct run *run);

/*
 * Says the last words of the run: what was waited for, if it failed, was told
 * to stop or ran into -t, or that no client came.  failed: its status is not 0.
 */
void	hang_end(struct run *run, bool failed);

#endif
