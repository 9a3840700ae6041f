/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <time.h>

#include "process/events.h"

int
events_open(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

int
events_watch(int events, struct event_source *source, int fd, uint32_t wanted)
{
	struct epoll_event event = { .events = wanted, .data.ptr = source };
	int former = source->fd, operation;

	if (fd == former && (wanted == source->wanted || fd <= 0))
		return 0;
	if (former > 0 && fd != former)
		epoll_ctl(events, EPOLL_CTL_DEL, former, NULL);
	source->fd = fd;
	source->wanted = wanted;
	if (fd <= 0)
		return 0;
	operation = fd == former ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(events, operation, fd, &event) == 0)
		return 0;
	/* EPOLL_CTL_DEL failed before. */
	if (errno == EEXIST &&
	    epoll_ctl(events, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	source->fd = -1;
	return -1;
}

/* errno is that of a call that waits. */
static int
interrupted(void)
{
	return errno == EINTR ? 0 : -1;
}

/*
 * One event at a time: a handler may free the source of the next one.  The
 * kernel moves a source that it has returned to the end of its list.  direct
 * comes last, and its end after all others, so that the end of each process is
 * seen before the filter's.
 */
int
events_wait(int events, const struct event_source *direct, int timeout)
{
	const struct event_source *source;
	struct epoll_event event;
	int ready, other = 0;
	struct pollfd polls[] = {
		{ .fd = direct->fd, .events = (short)direct->wanted },
		{ .fd = events, .events = POLLIN }
	};

	ready = poll(polls, sizeof(polls) / sizeof(polls[0]), timeout);
	if (ready <= 0)
		return ready == 0 ? 0 : interrupted();
	if (polls[1].revents != 0)
		other = epoll_wait(events, &event, 1, 0);
	if (other == -1)
		return interrupted();
	if (other == 1) {
		source = event.data.ptr;
		source->handle(source->context, event.events);
	}
	if ((polls[0].revents & polls[0].events) != 0 ||
	    (polls[0].revents != 0 && other == 0))
		direct->handle(direct->context, (uint32_t)polls[0].revents);
	return 0;
}

bool
events_retry(unsigned *failures)
{
	enum { TRIES = 50, PAUSE_MS = 20 };
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	int error = errno;

	if (++*failures >= TRIES)
		return false;
	nanosleep(&pause, NULL);
	errno = error;
	return true;
}

int64_t
events_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
