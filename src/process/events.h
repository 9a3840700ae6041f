#ifndef EVENTS_H
#define EVENTS_H

/*
 * An event loop over poll(2): each source is a file descriptor with a handler
 * of its own.
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Attends to a source on which poll(2) saw revents.  Returns false where the
 * source is to be forgotten; its descriptor stays its owner's.
 */
typedef bool	event_handler(void *context, short revents);

struct event_source {
	event_handler	*handle;
	void		*context;
};

struct events {			/* begins as all zeros */
	struct pollfd		*polls;		/* owned */
	struct event_source	*sources;	/* owned; one each of polls */
	size_t			 count, room;
};

/*
 * Adds a source; wanted is of poll(2)'s events, and fd may be -1: then there
 * is nothing to see until events_set().  Returns its slot, or -1 and errno
 * without memory.
 *
 * Where a source is forgotten, the last one moves to its slot.  So sources
 * that come and go are added after all those whose slot is remembered.
 */
int	events_add(struct events *events, int fd, short wanted,
    event_handler *handle, void *context);

/* Changes what is watched in a slot; fd -1: nothing. */
void	events_set(struct events *events, int slot, int fd, short wanted);

/*
 * Waits for events, timeout milliseconds at most, -1 being without a limit,
 * and calls the handlers, the last source's first.  A handler may add
 * sources.
 */
void	events_wait(struct events *events, int timeout);

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t	events_clock(void);

#endif
