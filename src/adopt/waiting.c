/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "adopt/datagrams.h"
#include "adopt/holders.h"
#include "adopt/waiting.h"
#include "adopt/yield.h"

enum {
	PATIENCE_MS = 3000,	/* that clients wait before a report */
	BESIDE_MS = 1000	/* between two looks at what is beside */
};

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
		return;
	}
	if (adoption->notify == -1 || !adoption_is_tcp(watch->listener)) {
		watch->settled = true;
		return;
	}
	holders_release(adoption, watch->listener);
	if (!adoption_listen(adoption, watch->listener))
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
		watch->first = -1;
		watch->held_back = adoption->notify != -1 &&
		    watch->listener->optional &&
		    adoption_is_tcp(watch->listener);
		adoption_learn_socket(watch->listener);
	}
	return 0;
}

/*
 * Between two bind(2) calls of one service less than BESIDE_MS should pass: the
 * client of an address that comes second is not to be refused.
 */
void
waiting_bound(struct adoption *adoption, struct listener *listener, bool own)
{
	struct watch *watch;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		watch = &adoption->watches[i];
		if (watch->listener == listener && own) {
			watch->settled = true;
			watch->beside = 0;
		} else if (watch->listener->port == listener->port &&
		    watch->listener->type == listener->type &&
		    !listener_is_unix(listener) && !watch->held_back)
			watch->beside = events_clock();
	}
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

/* Returns when to look again, on events_clock(); NEVER: nothing is beside. */
static int64_t
check_beside(struct watch *watch, int64_t now)
{
	bool done;

	if (watch->beside == 0)
		return NEVER;
	if (watch->beside + BESIDE_MS > now)
		return watch->beside + BESIDE_MS;
	done = watch->listener->type == SOCK_DGRAM ?
	    !datagrams_step(watch->adoption, watch->listener) :
	    yield_to_listening(watch->adoption, watch->listener);
	watch->beside = done ? 0 : now;
	return done ? NEVER : now + BESIDE_MS;
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
	bool silent = watch->held_back ||
	    holders_is_yielded(watch->adoption, listener);
	bool for_clients = !watch->settled && watch->since == 0;
	bool for_shutdown = adoption_is_tcp(listener) &&
	    watch->adoption->notify != -1;

	/* EPOLLHUP is always reported. */
	events_watch(watch->adoption->events, &watch->source,
	    !silent && (for_clients || for_shutdown) ? listener->fd : -1,
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
		due = check_beside(&adoption->watches[i], now);
		if (due < adoption->look_at)
			adoption->look_at = due;
		choose_events(&adoption->watches[i]);
	}
	return adoption->look_at == NEVER ? -1 : (int)(adoption->look_at - now);
}
