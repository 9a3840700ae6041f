/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>

#include <string.h>
#include <unistd.h>

#include "process/sigmask.h"

enum { WORD_BITS = CHAR_BIT * sizeof(unsigned long) };

void
sigmask_fill(sigset_t *set)
{
	memset(set, 0xff, sizeof(*set));
}

void
sigmask_add(sigset_t *set, int signo)
{
	unsigned long *words = (unsigned long *)set;

	words[(signo - 1) / WORD_BITS] |= 1UL << (signo - 1) % WORD_BITS;
}

void
sigmask_change(int how, const sigset_t *set, sigset_t *old)
{
	syscall(SYS_rt_sigprocmask, how, set, old, SIGMASK_BYTES);
}

int
sigmask_open(const sigset_t *set, int flags)
{
	return (int)syscall(SYS_signalfd4, -1, set, SIGMASK_BYTES, flags);
}
