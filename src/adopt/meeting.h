/* SPDX-License-Identifier: ISC */
#ifndef MEETING_H
#define MEETING_H

/*
 * What a bind(2) of a port of ours meets: nobody, a process that shares the
 * port with it, or one for whose sake it fails.
 */

#include "adopt/adoption.h"
#include "adopt/examine.h"
#include "adopt/holders.h"
#include "adopt/match.h"

struct meeting {
	enum conflict	 conflict;
	struct holder	*holder;	/* that decides it; NULL: none */
	pid_t		 process;	/* that has the socket open */
	bool		 taken;		/* the listener's own socket is held */
};

/*
 * Looks for those who hold sockets at the listener's port, and stores what the
 * call meets.  Forgets those who hold nothing any more.  It takes a look at
 * every process of the service's, but at the first bind(2) none, as there are
 * no holders.
 */
void	meeting_look(struct adoption *adoption, const struct call *call,
    const struct listener *listener, struct meeting *meeting);

/*
 * Says that the call fails, and who has the socket: once for each process, and
 * with -v each time.
 */
void	meeting_say(struct adoption *adoption, const struct call *call,
    const struct meeting *meeting);

#endif
