#ifndef INSTALL_H
#define INSTALL_H

/*
 * Another socket in the place of a service's own, while that waits for the
 * answer to a call (seccomp_unotify(2), SECCOMP_IOCTL_NOTIF_ADDFD).
 */

#include <stdint.h>

#include "adopt/caller.h"

struct slot {
	int			 notify;	/* the filter's listener */
	uint64_t		 id;		/* of the notification */
	const struct caller	*caller;	/* who waits */
	const struct descriptor	*socket;	/* its own */
	int			 copy;		/* of that; -1: none */
};

/*
 * Puts fd in the place of the socket, wherever the process has it: in the
 * descriptor, in duplicates of that, and, where there is a copy, in epoll
 * instances.  Returns 0; or -1 and errno where the call waits no more, or
 * the descriptor cannot be replaced.  What else fails is left as it was.
 */
int	install_listener(const struct slot *slot, int fd);

#endif
