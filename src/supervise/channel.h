#ifndef CHANNEL_H
#define CHANNEL_H

/*
 * Messages between front, keeper and service, over a pair of SOCK_SEQPACKET
 * sockets: each arrives whole or not at all, and end-of-file says that the
 * other process is gone.
 */

#include "base/log.h"

enum message_kind {
	MSG_READY,	/* the filter works; descriptor: its listener */
	MSG_FAILED,	/* value: exit status; failure says why */
	MSG_GO,	/* execute the service */
	MSG_SIGNAL,	/* value: deliver it to the service */
	MSG_STOP,	/* value: the same, but the terminal has delivered it */
	MSG_STARTED,	/* the service was executed */
	MSG_ENDED,	/* value: its wait(2) status; nothing is left */
	MSG_LEFT,	/* the same, but it left processes that go on */
	MSG_SYNC,	/* tell what signals there are, then answer the same */
	MSG_RELEASED	/* the front leaves in good order */
};

struct message {
	enum message_kind	kind;
	int		value;
	struct failure	failure;
};

/* Both close-on-exec, owned by the caller.  0, or -1 and errno. */
int	channel_open(int ends[2]);

/*
 * Sends a message, with descriptor unless that is -1, of which the peer gets a
 * copy.  0, or -1 and errno; a peer that is gone is EPIPE and no signal.
 */
int	channel_send(int channel, const struct message *message, int descriptor);

/*
 * Waits for a message.  Returns 1; 0 and EPIPE where the peer is gone; -1 and
 * errno, also where there is no room for a descriptor that came along.
 * *descriptor, unless NULL, is one that did, close-on-exec, or -1.
 */
int	channel_receive(int channel, struct message *message, int *descriptor);

/*
 * Says of a peer that could not be told, or heard, that it was killed, or
 * what else errno is.  Returns -1.
 */
int	channel_fail(struct failure *failure, const char *peer);

#endif
