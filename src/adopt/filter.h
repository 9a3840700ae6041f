/* SPDX-License-Identifier: ISC */
#ifndef FILTER_H
#define FILTER_H

/*
 * The seccomp filter that a service runs under: it reports bind() and nothing
 * else (seccomp(2), SECCOMP_RET_USER_NOTIF; seccomp_unotify(2)).  Linux 5.9
 * or later.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How programs of one architecture call bind(). */
struct architecture {
	uint32_t audit;		/* AUDIT_ARCH_* of linux/audit.h */
	int	 bind;		/* the system call's number */
	int	 socketcall;	/* socketcall(2)'s; -1: none */
	size_t	 word;		/* bytes of each argument in its array */
};

enum {
	FILTER_ROW = 12,	/* instructions for an architecture */
	FILTER_ROWS = 3,	/* that one kernel runs */
	FILTER_MAX = FILTER_ROWS * FILTER_ROW + 2
};

/* The architecture, or NULL where it is not known. */
const struct architecture *filter_find(uint32_t audit);

/*
 * Those that the kernel runs programs of: *rows is the first, the native one.
 * Returns how many; 0 where that is not known.
 */
size_t	filter_native(const struct architecture **rows);

/*
 * The filter's instructions; returns how many.  It reports a bind() of these
 * architectures whose address is long enough to be one of ours, which is
 * shorter where a unix socket is among them; and one by socketcall(2), whose
 * address it cannot see.
 */
size_t	filter_make(struct sock_filter filter[FILTER_MAX],
    const struct architecture *rows, size_t count, bool with_unix);

/*
 * In the process that is to become the service: installs the filter, for
 * itself and all its descendants.  no_new_privs is set only where the kernel
 * demands it, and *privileged says whether it did not.  Returns the
 * listener, close-on-exec, and in *killable whether the kernel keeps the
 * call from being restarted by signals; or -1 and errno, which is EOPNOTSUPP
 * where the architecture is not known.
 */
int	filter_install(bool with_unix, bool *killable, bool *privileged);

#endif
