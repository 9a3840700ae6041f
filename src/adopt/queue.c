/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "adopt/queue.h"
#include "socket/sock_table.h"

/* States of a connection that both sides know of, in net/tcp_states.h. */
enum { ESTABLISHED = 1, CLOSE_WAIT = 8, LISTEN = 10 };

static bool
is_tcp(const struct listener *listener)
{
	return listener->type == SOCK_STREAM && !listener_is_unix(listener);
}

unsigned
queue_length(const struct listener *listener)
{
	struct pollfd one = { .fd = listener->fd, .events = POLLIN };
	socklen_t length = sizeof(struct tcp_info);
	struct tcp_info info;

	if (is_tcp(listener) && getsockopt(listener->fd, IPPROTO_TCP,
	    TCP_INFO, &info, &length) == 0)
		return info.tcpi_unacked;
	return poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
}

struct look {
	const struct listener	*listener;
	const struct queue	*before;
	struct queue		 now;
	bool			 accepted;
	bool			 still;		/* one of before->peers waits */
};

static bool
is_local(const struct listener *listener, const struct sock_row *row)
{
	struct in6_addr ours = address_as_ipv6(&listener->address);
	struct in6_addr theirs = address_as_ipv6(&row->local);

	return address_port(&row->local) == listener->port &&
	    (address_is_wildcard(&listener->address) ||
	    IN6_ARE_ADDR_EQUAL(&ours, &theirs));
}

/* A connection that nobody has accepted belongs to no process: inode 0. */
static void
look_at_tcp(const struct sock_row *row, void *context)
{
	struct look *look = context;
	struct queue *now = &look->now;
	unsigned peer = address_port(&row->remote);
	size_t i;

	if (row->state == LISTEN || !is_local(look->listener, row))
		return;
	if (row->inode != 0)
		look->accepted = true;
	if (row->inode != 0 || (row->state != ESTABLISHED &&
	    row->state != CLOSE_WAIT))
		return;
	for (i = 0; i < look->before->peer_count; i++)
		look->still |= look->before->peers[i] == peer;
	if (now->peer_count < QUEUE_PEERS)
		now->peers[now->peer_count++] = peer;
}

/* The path of a connection is that of the socket that was connected to. */
static void
look_at_unix(const struct sock_row *row, void *context)
{
	struct look *look = context;

	if (row->path[0] == '\0' || strcmp(row->path,
	    look->listener->addr) != 0)
		return;
	if (row->state == SOCK_ROW_QUEUED)
		look->now.length++;
	else if (row->state == SOCK_ROW_ACCEPTED)
		look->accepted = true;
}

bool
queue_look(struct queue *queue, const struct listener *listener)
{
	struct look look = { .listener = listener, .before = queue };
	bool first = !queue->looked, taken;

	look.now.length = queue_length(listener);
	if (look.now.length == 0)
		return false;
	if (is_tcp(listener))
		sock_table_visit(getpid(), TABLE_TCP, look_at_tcp, &look);
	else if (listener->type != SOCK_DGRAM) {
		look.now.length = 0;
		sock_table_visit(getpid(), TABLE_UNIX, look_at_unix, &look);
		if (look.now.length == 0)	/* the table cannot be read */
			look.now.length = 1;
	}
	taken = look.accepted || (!first &&
	    (look.now.length < queue->length ||
	    (queue->peer_count > 0 && !look.still)));
	/* The first ones are what the next look has to find again. */
	if (first || queue->peer_count == 0) {
		memcpy(queue->peers, look.now.peers, sizeof(queue->peers));
		queue->peer_count = look.now.peer_count;
	}
	queue->length = look.now.length;
	queue->looked = true;
	return !taken;
}

struct search {
	const struct listeners	*listeners;
	bool			 found;
};

static void
look_for_any(const struct sock_row *row, void *context)
{
	struct search *search = context;
	const struct listener *listener;
	size_t i;

	for (i = 0; row->state != LISTEN && i < search->listeners->count;
	    i++) {
		listener = &search->listeners->list[i];
		if (is_local(listener, row) ||
		    address_port(&row->remote) == listener->port)
			search->found = true;
	}
}

bool
queue_was_reached(const struct listeners *listeners)
{
	struct search search = { listeners, false };

	sock_table_visit(getpid(), TABLE_TCP, look_for_any, &search);
	return search.found;
}
