/* SPDX-License-Identifier: ISC */
#ifndef EVENTS_H
#define EVENTS_H

/*
 * An event loop over poll(2).  Each source is a file descriptor with its own
 * handler.
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Handles the revents that poll(2) returned for a source.  Returns false if
 * the source is to be forgotten.  The loop never closes a descriptor: that is
 * up to its owner.
 */
typedef bool	event_handler(void *context, short revents);

struct event_source {
	event_handler	*handle;
	void		*context;
};

struct events {			/* starts as all zeros */
	struct pollfd		*polls;		/* owned */
	struct event_source	*sources;	/* owned; parallel to polls */
	size_t			 count, room;
};

/*
 * Adds a source.  wanted has the events of poll(2) to wait for.  If fd is -1,
 * nothing is watched until events_set().  Returns the number of the source,
 * or -1 with errno ENOMEM.
 *
 * When a source is forgotten, the last source gets its number.  So first add
 * the sources whose numbers you keep, then those that come and go.
 */
int	events_add(struct events *events, int fd, short wanted,
    event_handler *handle, void *context);

/* Changes the descriptor and events of a source.  fd -1: watch nothing. */
void	events_set(struct events *events, int source, int fd, short wanted);

/*
 * Waits up to timeout milliseconds for events (-1: without limit), then calls
 * the handlers, from the last source to the first.  A handler may add sources.
 */
void	events_wait(struct events *events, int timeout);

/* Returns the time of CLOCK_MONOTONIC in milliseconds. */
int64_t	events_clock(void);

#endif
