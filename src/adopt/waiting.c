/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <netinet/in.h>

#include <limits.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/holders.h"
#include "adopt/waiting.h"

enum { PATIENCE_MS = 3000 };	/* that clients wait before a report */

struct queue_watch {
	struct adoption	*adoption;
	struct listener	*listener;
	int		 source;	/* see events_add() */
	int64_t		 since;		/* events_clock(); 0: no client waits */
	bool		 settled;	/* bound, or reported */
};

/* poll(2) says POLLHUP of a listening socket after its shutdown(2). */
static bool
handle_listener(void *context, short revents)
{
	struct queue_watch *watch = context;

	if ((revents & POLLHUP) == 0) {
		if ((revents & POLLIN) != 0)
			watch->since = events_clock();
	} else if (watch->adoption->notify == -1 ||
	    !adoption_is_tcp(watch->listener))
		watch->settled = true;
	else if (!adoption_listen(watch->adoption, watch->listener))
		adoption_close(watch->listener);
	return true;
}

int
waiting_begin(struct adoption *adoption)
{
	struct listeners *listeners = adoption->listeners;
	struct queue_watch *watch;
	size_t i;

	adoption->watches = calloc(listeners->count, sizeof(*watch));
	if (adoption->watches == NULL)
		return -1;
	for (i = 0; i < listeners->count; i++) {
		watch = &adoption->watches[i];
		watch->adoption = adoption;
		watch->listener = &listeners->list[i];
		watch->source = events_add(adoption->events, -1, 0,
		    handle_listener, watch);
		if (watch->source == -1)
			return -1;
	}
	return 0;
}

void
waiting_settle(struct adoption *adoption, const struct listener *listener)
{
	adoption->watches[listener - adoption->listeners->list].settled = true;
}

static bool
has_clients(const struct listener *listener)
{
	struct pollfd poll_one = { .fd = listener->fd, .events = POLLIN };

	return poll(&poll_one, 1, 0) == 1 && (poll_one.revents & POLLIN) != 0;
}

static void
report(const struct adoption *adoption, const struct listener *listener)
{
	const char *verb = adoption->notify == -1 ? "accept on" : "bind";
	const char *bound = adoption->last_foreign_bind;
	char clients[48] = "", hint[2 * ADDR_MAX] = "", port[8];
	socklen_t length = sizeof(struct tcp_info);
	struct tcp_info info;

	if (adoption_is_tcp(listener) && getsockopt(listener->fd, IPPROTO_TCP,
	    TCP_INFO, &info, &length) == 0)
		snprintf(clients, sizeof(clients), ", %u client%s queued",
		    info.tcpi_unacked, info.tcpi_unacked == 1 ? "" : "s");
	if (bound[0] != '\0')
		snprintf(hint, sizeof(hint), "; it bound %s: try --map %s",
		    bound, strrchr(bound, ':') + 1);
	snprintf(port, sizeof(port), "%u", listener->port);
	log_info(adoption->log, "still waiting for %s to %s %s (%d s%s)%s",
	    adoption->service, verb,
	    listener_is_unix(listener) ? listener->addr : port,
	    PATIENCE_MS / 1000, clients, hint);
}

/* Returns the milliseconds until a report is due; INT_MAX: none is. */
static int
check_watch(struct queue_watch *watch)
{
	int64_t left;

	if (watch->since == 0 || watch->settled || watch->listener->fd == -1)
		return INT_MAX;
	left = watch->since + PATIENCE_MS - events_clock();
	if (left > 0)
		return (int)left;
	if (has_clients(watch->listener)) {
		report(watch->adoption, watch->listener);
		watch->settled = true;
	} else
		watch->since = 0;
	return INT_MAX;
}

/*
 * Polls for two things.  One is the first client, until one has come or nothing
 * is to be reported any more.  The other is a shutdown(2) of a TCP listener,
 * while the service is under the filter.
 *
 * After shutdown(2) POLLHUP stays set, and poll(2) would spin.  Listening again
 * clears it on a TCP listener; a yielded listener does not listen yet, so it is
 * not polled.  A unix listener cannot clear it: handle_listener() sets settled
 * at the first POLLHUP, which ends this.
 */
static void
choose_events(const struct queue_watch *watch)
{
	const struct listener *listener = watch->listener;
	bool yielded = holders_is_yielded(watch->adoption, listener);
	bool for_clients = !watch->settled && watch->since == 0;
	bool for_shutdown = adoption_is_tcp(listener) &&
	    watch->adoption->notify != -1;

	/* POLLHUP is always reported. */
	events_set(watch->adoption->events, watch->source,
	    !yielded && (for_clients || for_shutdown) ? listener->fd : -1,
	    for_clients ? POLLIN : 0);
}

int
waiting_step(struct adoption *adoption)
{
	int left, least = INT_MAX;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		left = check_watch(&adoption->watches[i]);
		if (left < least)
			least = left;
		choose_events(&adoption->watches[i]);
	}
	return least == INT_MAX ? -1 : least;
}
