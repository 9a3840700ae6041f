/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>

#include "adopt/datagrams.h"
#include "adopt/holders.h"
#include "adopt/queue.h"
#include "adopt/waiting.h"
#include "adopt/yield.h"

enum { BESIDE_MS = 1000 };	/* between two looks at what is beside */

static const int64_t NEVER = INT64_MAX;

/* A client came.  If none is there any more, it was taken. */
static void
note_client(struct watch *watch)
{
	watch->reached = true;
	if (queue_length(watch->listener) == 0)
		watch->settled = true;
	else
		watch->since = events_clock();
	watch->adoption->waits_changed = true;
}

/* The kernel says EPOLLHUP of a listening socket after its shutdown(2). */
static void
handle_listener(void *context, uint32_t events)
{
	struct watch *watch = context;
	struct adoption *adoption = watch->adoption;

	adoption->look_at = 0;
	if ((events & EPOLLHUP) == 0) {
		if ((events & EPOLLIN) != 0)
			note_client(watch);
		return;
	}
	if (adoption->services.notify == -1 ||
	    !adoption_is_tcp(watch->listener)) {
		watch->settled = true;
		return;
	}
	holders_release(adoption, watch->listener);
	if (adoption_listen(adoption, watch->listener))
		waiting_begin_anew(adoption, watch->listener);
	else
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
		watch->held_back = adoption->services.notify != -1 &&
		    watch->listener->optional &&
		    adoption_is_tcp(watch->listener);
		adoption_learn_socket(watch->listener);
	}
	return 0;
}

/* Datagrams are taken without a trace: what is given is not watched. */
static void
give(struct watch *watch)
{
	watch->given = true;
	watch->settled = !adoption_can_listen(watch->listener);
	watch->queue.looked = false;
	if (watch->since != 0)
		watch->since = events_clock();
	watch->adoption->waits_changed = true;
}

void
waiting_begin_anew(struct adoption *adoption, const struct listener *listener)
{
	struct watch *watch = adoption_watch(adoption, listener);

	watch->given = watch->settled = watch->queue.looked = false;
	watch->since = 0;
	free(watch->said);
	watch->said = NULL;
	adoption->look_at = 0;
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
			give(watch);
			watch->beside = 0;
		} else if (watch->listener->port == listener->port &&
		    watch->listener->type == listener->type &&
		    !listener_is_unix(listener) && !watch->held_back)
			watch->beside = events_clock();
	}
	adoption->look_at = 0;
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

/*
 * Waits for two things.  One is the first client, until one has come or was
 * taken.  The other is a shutdown(2) of a TCP listener,
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
	    watch->adoption->services.notify != -1;

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
		due = check_beside(&adoption->watches[i], now);
		if (due < adoption->look_at)
			adoption->look_at = due;
		choose_events(&adoption->watches[i]);
	}
	return adoption->look_at == NEVER ? -1 : (int)(adoption->look_at - now);
}
