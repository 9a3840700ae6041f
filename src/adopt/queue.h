/* SPDX-License-Identifier: ISC */
#ifndef QUEUE_H
#define QUEUE_H

/*
 * The queue of a listener: how many clients wait there, and whether anybody
 * has taken one of them.
 */

#include "socket/listener.h"

enum { QUEUE_PEERS = 8 };

struct queue {
	bool		 looked;	/* the members below are known */
	unsigned	 length;	/* clients; of a datagram socket 1 */
	unsigned	 peers[QUEUE_PEERS];	/* ports of clients, of TCP */
	size_t		 peer_count;
};

/*
 * Returns how many clients wait in the queue; of a socket that is not for TCP,
 * whether any does.
 */
unsigned	queue_length(const struct listener *listener);

/*
 * Looks at the queue, which was not empty, once more or for the first time.
 * Returns true if clients wait, and none was taken since the first look; and
 * none before that, as far as that can be seen.
 */
bool		queue_look(struct queue *queue, const struct listener *listener);

/*
 * Whether the tables of the kernel show a connection to the port of one of the
 * listeners, which are for TCP.  It may have been over for a minute.
 */
bool		queue_was_reached(const struct listeners *listeners);

#endif
