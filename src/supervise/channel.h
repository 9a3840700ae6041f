/* SPDX-License-Identifier: ISC */
#ifndef CHANNEL_H
#define CHANNEL_H

/*
 * Messages between the front and the keeper, and between the keeper and its
 * two children, the service and the client.  A channel is a pair of
 * SOCK_SEQPACKET sockets.  A message arrives whole or not at all.  End-of-file
 * says that the other process is gone, or that a child was executed.
 */

#include "base/log.h"

enum message_kind {
	/*
	 * The sender waits for MSG_GO.  From the service, value is a set of
	 * flags of spawn.c.  Under adopt the notification fd comes along.
	 */
	MSG_READY,
	MSG_FAILED,	/* value: exit status; comes with the reason */

	/* From the front to the keeper; MSG_GO from there to a child. */
	MSG_GO,		/* execute */
	MSG_SIGNAL,	/* value: a signal to forward */
	/*
	 * As MSG_SIGNAL, but the terminal has already delivered the signal to
	 * the whole process group of service and client.
	 */
	MSG_DELIVERED,
	MSG_RELEASED,	/* the front leaves in good order */

	/* From the keeper to the front. */
	MSG_STARTED,	/* the service was executed */
	MSG_ENDED,	/* value: a wait(2) status; no process is left */
	MSG_LEFT,	/* the same, but the service left processes behind */

	/*
	 * The keeper asks the front for all signals that it has received.
	 * The front forwards them, then answers with MSG_SYNC.
	 */
	MSG_SYNC
};

struct message {
	enum message_kind	 kind;
	int			 value;
	/*
	 * Where the reason of MSG_FAILED is, or is to be stored.  Not owned.
	 * A receiver without a use for it has NULL here.
	 */
	struct failure		*failure;
};

/*
 * Makes a channel: two sockets, close-on-exec, owned by the caller.  Returns
 * 0, or -1 and errno.
 */
int	channel_open(int ends[2]);

/*
 * Sends a message, and a copy of fd unless that is -1.  Returns 0, or -1 and
 * errno.  If the peer is gone errno is EPIPE, and there is no SIGPIPE.
 */
int	channel_send(int channel, const struct message *message, int fd);

/*
 * Waits for a message; its failure is to be set before.  Stores in *fd, unless
 * fd is NULL, the descriptor that came along, close-on-exec and owned by the
 * caller, or -1.  Returns 1; or 0 with errno EPIPE if the peer is gone; or -1
 * and errno, which is EMFILE if there is no room for the descriptor.
 */
int	channel_receive(int channel, struct message *message, int *fd);

/*
 * Fills failure after channel_send() or channel_receive() failed, according
 * to errno: EPIPE says that the peer was killed.  Returns -1.
 */
int	channel_fail(struct failure *failure, const char *peer);

#endif
