#ifndef REPLACE_H
#define REPLACE_H

/*
 * Another socket in the place of a service's own, while that waits for the
 * answer to a call (seccomp_unotify(2), SECCOMP_IOCTL_NOTIF_ADDFD).
 */

#include <stdint.h>

#include "target.h"

struct place {
	int			 notify;	/* the filter's listener */
	uint64_t		 id;		/* of the notification */
	const struct target	*target;	/* who waits */
	const struct descriptor	*socket;	/* its own */
	int			 copy;		/* of that; -1: none */
	bool			 deaf;		/* says replace_socket() */
};

/*
 * Puts fd in the place of the socket, wherever the process has it: in the
 * descriptor, in duplicates of that, and in epoll instances.  Returns 0; or
 * -1 and errno where the call waits no more, the descriptor cannot be
 * replaced, or, where place->deaf is set and nothing was done, it could not
 * hear of fd by an epoll instance.  What else fails is left as it was.
 */
int	replace_socket(struct place *place, int fd);

#endif
