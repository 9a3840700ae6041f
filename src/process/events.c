/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <time.h>

#include "process/events.h"

static int
make_room(struct events *events)
{
	size_t room = events->room == 0 ? 16 : 2 * events->room;
	struct event_source *sources;
	struct pollfd *polls;

	if (events->count < events->room)
		return 0;
	polls = reallocarray(events->polls, room, sizeof(*polls));
	if (polls == NULL)
		return -1;
	events->polls = polls;
	sources = reallocarray(events->sources, room, sizeof(*sources));
	if (sources == NULL)
		return -1;
	events->sources = sources;
	events->room = room;
	return 0;
}

int
events_add(struct events *events, int fd, short wanted,
    event_handler *handle, void *context)
{
	size_t source = events->count;

	if (make_room(events) == -1)
		return -1;
	events->polls[source] = (struct pollfd){ .fd = fd, .events = wanted };
	events->sources[source] = (struct event_source){ handle, context };
	events->count++;
	return (int)source;
}

void
events_set(struct events *events, int source, int fd, short wanted)
{
	events->polls[source] = (struct pollfd){ .fd = fd, .events = wanted };
}

static void
forget(struct events *events, size_t source)
{
	events->count--;
	events->polls[source] = events->polls[events->count];
	events->sources[source] = events->sources[events->count];
}

/*
 * From the last source to the first: when one is forgotten, the source that
 * gets its number was handled already, or was added after poll(2).
 */
void
events_wait(struct events *events, int timeout)
{
	struct event_source source;
	short revents;
	size_t i;

	if (poll(events->polls, events->count, timeout) <= 0)
		return;
	for (i = events->count; i > 0; i--) {
		source = events->sources[i - 1];
		revents = events->polls[i - 1].revents;
		if (revents != 0 && !source.handle(source.context, revents))
			forget(events, i - 1);
	}
}

int64_t
events_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
