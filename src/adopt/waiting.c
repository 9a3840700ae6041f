/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "adopt/holders.h"
#include "adopt/waiting.h"

enum { PATIENCE_MS = 3000 };	/* that clients wait before a report */

static const int64_t NEVER = INT64_MAX;

/* The kernel says EPOLLHUP of a listening socket after its shutdown(2). */
static void
handle_listener(void *context, uint32_t events)
{
	struct watch *watch = context;
	struct adoption *adoption = watch->adoption;

	adoption->look_at = 0;
	if ((events & EPOLLHUP) == 0) {
		if ((events & EPOLLIN) != 0)
			watch->since = events_clock();
	} else if (adoption->notify == -1 || !adoption_is_tcp(watch->listener))
		watch->settled = true;
	else if (!adoption_listen(adoption, watch->listener))
		adoption_close(adoption, watch->listener);
}

int
waiting_begin(struct adoption *adoption)
{
	struct listeners *listeners = adoption->listeners;
	struct watch *watch;
	size_t i;

	adoption->watches = calloc(listeners->count, sizeof(*watch));
	if (adoption->watches == NULL)
		return -1;
	for (i = 0; i < listeners->count; i++) {
		watch = &adoption->watches[i];
		watch->adoption = adoption;
		watch->listener = &listeners->list[i];
		watch->source = (struct event_source){
		    .handle = handle_listener, .context = watch, .fd = -1 };
		adoption_learn_socket(watch->listener);
	}
	return 0;
}

void
waiting_settle(struct adoption *adoption, const struct listener *listener)
{
	adoption_watch(adoption, listener)->settled = true;
	adoption->look_at = 0;
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
	char clients[48] = "", hint[2 * ADDR_MAX] = "", port[8];
	char bound[ADDR_MAX];
	socklen_t length = sizeof(struct tcp_info);
	struct tcp_info info;

	if (adoption_is_tcp(listener) && getsockopt(listener->fd, IPPROTO_TCP,
	    TCP_INFO, &info, &length) == 0)
		snprintf(clients, sizeof(clients), ", %u client%s queued",
		    info.tcpi_unacked, info.tcpi_unacked == 1 ? "" : "s");
	if (adoption->foreign_length != 0) {
		address_format(&adoption->foreign, adoption->foreign_length,
		    bound);
		snprintf(hint, sizeof(hint), "; it bound %s: try --map %u",
		    bound, address_port(&adoption->foreign));
	}
	snprintf(port, sizeof(port), "%u", listener->port);
	log_info(adoption->log, "still waiting for %s to %s %s (%d s%s)%s",
	    adoption->service, verb,
	    listener_is_unix(listener) ? listener->addr : port,
	    PATIENCE_MS / 1000, clients, hint);
}

/* Returns when a report is due, on events_clock(); NEVER: none is. */
static int64_t
check_watch(struct watch *watch, int64_t now)
{
	if (watch->since == 0 || watch->settled || watch->listener->fd == -1)
		return NEVER;
	if (watch->since + PATIENCE_MS > now)
		return watch->since + PATIENCE_MS;
	if (has_clients(watch->listener)) {
		report(watch->adoption, watch->listener);
		watch->settled = true;
	} else
		watch->since = 0;
	return NEVER;
}

/*
 * Waits for two things.  One is the first client, until one has come or nothing
 * is to be reported any more.  The other is a shutdown(2) of a TCP listener,
 * while the service is under the filter.
 *
 * After shutdown(2) EPOLLHUP stays set, and the loop would spin.  Listening
 * again clears it on a TCP listener; a yielded listener does not listen yet, so
 * it is not watched.  A unix listener cannot clear it: handle_listener() sets
 * settled at the first EPOLLHUP, which ends this.
 */
static void
choose_events(struct watch *watch)
{
	const struct listener *listener = watch->listener;
	bool yielded = holders_is_yielded(watch->adoption, listener);
	bool for_clients = !watch->settled && watch->since == 0;
	bool for_shutdown = adoption_is_tcp(listener) &&
	    watch->adoption->notify != -1;

	/* EPOLLHUP is always reported. */
	events_watch(watch->adoption->events, &watch->source,
	    !yielded && (for_clients || for_shutdown) ? listener->fd : -1,
	    for_clients ? EPOLLIN : 0);
}

/* There may be many listeners, and most rounds of the loop change nothing. */
int
waiting_step(struct adoption *adoption)
{
	int64_t due, now;
	size_t i;

	if (adoption->look_at == NEVER)
		return -1;
	now = events_clock();
	if (adoption->look_at > now)
		return (int)(adoption->look_at - now);
	adoption->look_at = NEVER;
	for (i = 0; i < adoption->listeners->count; i++) {
		due = check_watch(&adoption->watches[i], now);
		if (due < adoption->look_at)
			adoption->look_at = due;
		choose_events(&adoption->watches[i]);
	}
	return adoption->look_at == NEVER ? -1 : (int)(adoption->look_at - now);
}
