/* SPDX-License-Identifier: ISC */
#ifndef HINT_H
#define HINT_H

/*
 * What is the matter where a service does not take its socket, and what to type
 * instead, in words.
 */

#include "adopt/adoption.h"
#include "supervise/survey.h"

enum { HINT_MAX = 512 };	/* bytes, the NUL included */

/* Who is waited for, and what is known of it. */
struct awaited {
	enum handoff		 handoff;
	const struct listener	*listener;
	size_t			 number;	/* of it; its group's first */
	bool			 given;		/* by bind(2) */
	bool			 has_ring;	/* uses io_uring(7) */
	bool			 any;		/* --map any has taken none */
	const struct survey	*survey;
	/* Names of the processes that the survey has by number. */
	const char		*stopped, *apart;
};

/*
 * Stores the hint, which begins with "; " or is empty.  Makes no system call.
 */
void	hint_make(const struct awaited *awaited, char hint[HINT_MAX]);

/*
 * Stores where the service listens, "127.0.0.1:80 and [::]:81", and what to
 * type for that.  There is one place at least.
 */
void	hint_places(const struct awaited *awaited, char hint[HINT_MAX]);

#endif
