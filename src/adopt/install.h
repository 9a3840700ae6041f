/* SPDX-License-Identifier: ISC */
#ifndef INSTALL_H
#define INSTALL_H

/*
 * Replaces a socket of the calling process with another one, while the process
 * waits for the answer to its bind(2) (seccomp_unotify(2),
 * SECCOMP_IOCTL_NOTIF_ADDFD).
 */

#include <stdbool.h>
#include <stdint.h>

#include "adopt/caller.h"

struct slot {
	int			 notify;	/* notification descriptor */
	uint64_t		 id;		/* the notification's id */
	const struct caller	*caller;	/* who waits */
	int			 fd;		/* its socket's descriptor */
	ino_t			 inode;		/* of the socket */
	int			 flags;	/* of socket: caller_flags() */
	int			 copy;	/* the keeper's, of socket; -1: none */
	bool			 deaf;		/* see install_listener() */
};

/*
 * Puts fd in the place of the socket, wherever the process has it: at its
 * descriptor, at duplicates of that, and in its epoll instances.  A duplicate
 * that cannot be replaced keeps the old socket.  What another thread opens at
 * the number of one is left alone, unless it does so in the last microseconds
 * before the replacement.  fd stays the calling
 * function's.
 *
 * Sets slot->deaf if an epoll instance cannot be changed.  With fd installed,
 * it would never report fd's clients.
 *
 * Returns 0.  Returns -1 and errno if nothing was replaced: the call is no
 * longer waiting, or the descriptor cannot be replaced, or deaf was set.
 */
int	install_listener(struct slot *slot, int fd);

#endif
