/* SPDX-License-Identifier: ISC */
#ifndef SIGMASK_H
#define SIGMASK_H

/*
 * Signal sets and the signal mask, by the system calls themselves.  A libc
 * keeps some real-time signals to itself, glibc 32 and 33, musl 34 too, and
 * leaves them out of sigfillset(3), sigprocmask(2) and the like.  A service may
 * use them all the same.
 */

#include <limits.h>
#include <signal.h>

enum { SIGMASK_BYTES = _NSIG / CHAR_BIT };	/* of a set, for the kernel */

/* Every signal that the kernel has. */
void	sigmask_fill(sigset_t *set);

/* As sigaddset(3).  sigdelset(3) will do for what has a name. */
void	sigmask_add(sigset_t *set, int signo);

/* As sigprocmask(2). */
void	sigmask_change(int how, const sigset_t *set, sigset_t *old);

/* As signalfd(2) with -1.  Returns the new descriptor, or -1 and errno. */
int	sigmask_open(const sigset_t *set, int flags);

#endif
