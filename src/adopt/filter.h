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

enum { FILTER_MAX = 8 };	/* instructions */

/*
 * The filter's instructions; returns how many.  It reports a bind() of the
 * native architecture whose address is long enough to be one of ours, which
 * is shorter where a unix socket is among them.
 */
size_t	filter_make(struct sock_filter filter[FILTER_MAX], bool with_unix);

/*
 * In the process that is to become the service: installs the filter, for
 * itself and all its descendants.  no_new_privs is set only where the kernel
 * demands it, and *privileged says whether it did not.  Returns the
 * listener, close-on-exec, and in *killable whether the kernel keeps the
 * call from being restarted by signals; or -1 and errno.
 */
int	filter_install(bool with_unix, bool *killable, bool *privileged);

#endif
