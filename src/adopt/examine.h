/* SPDX-License-Identifier: ISC */
#ifndef EXAMINE_H
#define EXAMINE_H

/*
 * What a reported bind(2) or connect(2) asks for: the address, and what socket
 * it is for.  Reading only.
 */

#include <linux/seccomp.h>

#include "adopt/adoption.h"
#include "adopt/caller.h"
#include "adopt/filter.h"
#include "adopt/match.h"

/* What becomes of a call: it returns 0 or an errno; or this. */
enum { CONTINUE_CALL = -1 };	/* the kernel handles it */

/* Starts as zeros, but for the two descriptors, which start as -1. */
struct call {
	struct reporter		*reporter;
	uint64_t		 id;	/* the notification's cookie */
	enum reported		 kind;
	struct caller		 caller;
	int			 fd;	/* the process's */
	/* Those of its socket; of a connect(2) only type and network. */
	ino_t			 socket;	/* inode of fd */
	int			 copy;	/* of fd; owned; -1: refused */
	bool			 is_bound;	/* as far as copy shows */
	struct request		 request;
};

/* Learns our network namespace, and whether the listeners are in it. */
void	examine_begin(struct adoption *adoption);

/*
 * Learns what a decision about the call needs.  Returns false if there is
 * nothing to decide: the kernel is to handle the call.  What was read is the
 * calling process's own only if the call still waits at the end: then alone is
 * true returned (seccomp_unotify(2)).  For a bind(2) a listener is yielded to a
 * process that cannot be read: yield_to_unreadable().  A connect(2) needs copy:
 * without it false is returned, and said once that the call meets nobody.
 */
bool	examine_call(struct adoption *adoption,
    const struct seccomp_notif *notification, struct call *call);

#endif
