/* SPDX-License-Identifier: ISC */
#ifndef EVENTS_H
#define EVENTS_H

/*
 * An event loop over epoll(7).  Each source is a file descriptor with its own
 * handler.
 */

#include <sys/epoll.h>

#include <stdint.h>

/*
 * Handles the events of a source: EPOLLIN and the like, which poll(2) has under
 * the same values.  It may watch, unwatch and free any source, its own too.
 */
typedef void	event_handler(void *context, uint32_t events);

struct event_source {
	event_handler	*handle;
	void		*context;
	int		 fd;		/* 0 or below: nothing is watched */
	uint32_t	 wanted;	/* EPOLLIN and the like */
};

/*
 * Returns the descriptor of a new event loop, close-on-exec, which the calling
 * function closes; or -1 and errno.
 */
int	events_open(void);

/*
 * Watches fd, instead of what the source watched before; if fd is -1, watches
 * nothing.  wanted has the events to wait for; EPOLLHUP and EPOLLERR always
 * count.  fd is not 0.  The source stays where it is in memory while it watches
 * anything.
 *
 * Before fd is closed, the source has to leave it: epoll watches the open file,
 * which may be open in other processes too (epoll(7), Q6).
 *
 * Returns 0; or -1 and errno, and then nothing is watched.
 */
int	events_watch(int events, struct event_source *source, int fd,
    uint32_t wanted);

/*
 * Waits up to timeout milliseconds for an event (-1: without limit), and calls
 * the handler of its source.  If several sources are ready, they take turns.
 *
 * direct is a source that is not watched: events_wait() looks at its fd itself,
 * for its wanted events.  The kernel may wake a process that waits for it on
 * the processor of whoever causes the event, and would not through epoll(7):
 * ep_poll_callback() in fs/eventpoll.c.  If another source is ready too, direct
 * comes after it; and if direct has an error or a hang-up alone, after all.
 *
 * Returns 0; or -1 and errno if it cannot wait, and would fail again at once.
 */
int	events_wait(int events, const struct event_source *direct,
    int timeout);

/* Returns the time of CLOCK_MONOTONIC in milliseconds. */
int64_t	events_clock(void);

#endif
