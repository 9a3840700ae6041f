/* SPDX-License-Identifier: ISC */
#ifndef INSTALL_H
#define INSTALL_H

/*
 * Installs another socket in the place of the calling process's own, while
 * that process waits for the answer to its call (seccomp_unotify(2),
 * SECCOMP_IOCTL_NOTIF_ADDFD).
 */

#include <stdbool.h>
#include <stdint.h>

#include "adopt/caller.h"

struct slot {
	int			 notify;	/* the filter's listener */
	uint64_t		 id;		/* of the notification */
	const struct caller	*caller;	/* who waits */
	const struct descriptor	*socket;	/* the caller's own */
	int			 copy;		/* of that socket; -1: none */
	bool			 deaf;		/* see install_listener() */
};

/*
 * Puts fd in the place of the socket, wherever the process has it: at its
 * descriptor, at duplicates of that, and in its epoll instances.  Returns 0;
 * or -1 and errno, and nothing was done: the call waits no more, or the
 * descriptor cannot be replaced.  slot->deaf says that an epoll instance
 * cannot be changed: the process would wait for ever for fd's clients.  What
 * else fails is left as it was.
 */
int	install_listener(struct slot *slot, int fd);

#endif
