/* SPDX-License-Identifier: ISC */
#ifndef FILTER_H
#define FILTER_H

/*
 * The seccomp filters that service and client run under: they report system
 * calls to the keeper (seccomp(2), SECCOMP_RET_USER_NOTIF; seccomp_unotify(2)).
 * Linux 5.9 or later.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is reported. */
enum {
	REPORT_BIND = 1,	/* bind(2), and what may hide one from us:
				   io_uring_setup(2) */
	REPORT_CONNECT = 2,	/* connect(2) */
	REPORT_UNIX = 4		/* addresses of unix sockets, too */
};

/* A reported call. */
enum reported { REPORTED_BIND, REPORTED_CONNECT, REPORTED_RING };

/* How programs of one architecture make these calls. */
struct architecture {
	uint32_t audit;		/* AUDIT_ARCH_* of linux/audit.h */
	int	 bind, connect;	/* numbers of bind(2) and connect(2) */
	int	 x32;		/* bit in the numbers of x32 programs; or 0 */
	int	 socketcall;	/* number of socketcall(2); -1: it has none */
	int	 ring;		/* number of io_uring_setup(2) */
	size_t	 word;	/* bytes of each argument in socketcall(2)'s array */
};

enum {
	FILTER_ROW = 17,	/* instructions for an architecture, at most */
	FILTER_ROWS = 3,	/* most architectures that one kernel runs */
	FILTER_MAX = FILTER_ROWS * FILTER_ROW + 2
};

/* Returns the row for that AUDIT_ARCH_* value, or NULL. */
const struct architecture *filter_find(uint32_t audit);

/*
 * Finds the architectures whose programs this kernel runs.  Stores the first,
 * the native one, in *rows; the others follow it.  Returns how many there are,
 * or 0 if the native one is unknown.
 */
size_t	filter_native(const struct architecture **rows);

/* Returns which call it is that was reported. */
enum reported	filter_kind(const struct seccomp_data *data);

/*
 * Stores the instructions of a filter for count architectures, and returns how
 * many they are.  reports is a set of REPORT_*.  The filter reports a bind(2)
 * or connect(2) whose address is at least as long as the shortest that a
 * listener can have.  It reports every one that is made through socketcall(2),
 * because it cannot see the length there.
 */
size_t	filter_make(struct sock_filter filter[FILTER_MAX],
    const struct architecture *rows, size_t count, unsigned reports);

/*
 * Installs the filter in this process, which is to become the service or the
 * client, and for all its descendants.  Sets no_new_privs only if the kernel
 * demands it.  *privileged is true if it was not needed.  *killable is true if
 * only a fatal signal can interrupt a reported call once the keeper has
 * received it.  Returns the notification descriptor, close-on-exec, which the
 * calling function closes; or -1 and errno, which is EOPNOTSUPP if the
 * architecture is unknown.
 */
int	filter_install(unsigned reports, bool *killable, bool *privileged);

/*
 * Returns whether the kernel can put a descriptor in the place of a service's
 * own (SECCOMP_IOCTL_NOTIF_ADDFD), which came later than the notification.
 */
bool	filter_can_add(int notify);

/*
 * Asks the kernel to wake the keeper and the calling thread on one processor,
 * as they take turns; or, if on is false, on any, as it begins:
 * SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6.  An older kernel refuses, and
 * nothing changes.  notify is the notification descriptor.
 */
void	filter_take_turns(int notify, bool on);

#endif
