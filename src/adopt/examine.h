/* SPDX-License-Identifier: ISC */
#ifndef EXAMINE_H
#define EXAMINE_H

/*
 * What a reported bind(2) asks for: the address, and what socket it is for.
 * Reading only.
 */

#include <linux/seccomp.h>

#include "adopt/adoption.h"
#include "adopt/caller.h"
#include "adopt/match.h"

/* Starts as zeros, but for the two descriptors, which start as -1. */
struct call {
	uint64_t		 id;	/* the notification's cookie */
	struct caller		 caller;
	int			 fd;	/* the process's */
	ino_t			 socket;	/* inode of fd */
	int			 copy;	/* of fd; owned; -1: refused */
	bool			 is_bound;	/* as far as copy shows */
	struct request		 request;
};

/* Learns the network namespace of the listeners. */
void	examine_begin(struct adoption *adoption);

/*
 * Learns what a decision about the call needs.  Returns false if there is
 * nothing to decide: the kernel is to handle the call.  What was read is the
 * calling process's own only if the call still waits at the end: then alone is
 * true returned (seccomp_unotify(2)).  A listener is yielded to a process that
 * cannot be read: yield_to_unreadable().
 */
bool	examine_call(struct adoption *adoption,
    const struct seccomp_notif *notification, struct call *call);

#endif
