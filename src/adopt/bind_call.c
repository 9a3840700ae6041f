/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <unistd.h>

#include "adopt/any_port.h"
#include "adopt/bind_call.h"
#include "adopt/caller.h"
#include "adopt/datagrams.h"
#include "adopt/examine.h"
#include "adopt/filter.h"
#include "adopt/holders.h"
#include "adopt/install.h"
#include "adopt/kept_options.h"
#include "adopt/match.h"
#include "adopt/meeting.h"
#include "adopt/second_socket.h"
#include "adopt/waiting.h"
#include "adopt/yield.h"

static const int probe_of_memory = 0x70657865;

int
bind_call_try(pid_t child)
{
	const struct caller caller = { .thread = child, .process = child };
	int value = 0;

	return caller_read(&caller,
	    (unsigned long long)(uintptr_t)&probe_of_memory, &value,
	    sizeof(value));
}

/*
 * Returns the socket that the calling process is to be given: the listener's
 * own, or another one, which give() closes; or -1 and errno.
 */
static int
choose_socket(struct adoption *adoption, const struct call *call,
    struct listener *listener, const struct meeting *meeting)
{
	const struct request *request = &call->request;
	bool datagrams = listener->type == SOCK_DGRAM;
	bool own = meeting->taken ? meeting->conflict == SHARED &&
	    adoption_is_socket(listener, meeting->holder->socket) :
	    match_suits(request, listener);

	if (datagrams && meeting->conflict == SHARED)
		return datagrams_join(adoption, listener, meeting->holder,
		    request);
	if (!own)
		return second_socket_make(listener, request);
	if (datagrams && datagrams_prepare(adoption, listener, request) == -1)
		return -1;
	if (!meeting->taken)
		kept_options_restore_sharing(adoption, listener);
	return listener->fd;
}

/*
 * Whether the socket, which others have, is not to begin to block: what takes
 * clients there by accept(2) would wait for one that another process took.  Who
 * has it is looked for only then.
 */
static bool
stays_nonblocking(const struct meeting *meeting, int flags, int fd)
{
	return meeting->taken && (flags & O_NONBLOCK) == 0 &&
	    (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
	    holders_who_holds(meeting->holder) != 0;
}

/* Records what was given, and says so. */
static void
record(struct adoption *adoption, struct call *call, struct listener *listener,
    int fd)
{
	const struct request *request = &call->request;
	bool own = fd == listener->fd;
	struct stat status = { .st_ino = listener->socket };
	char asked[ADDR_MAX];

	if (!own && fstat(fd, &status) == -1)
		return;
	if (adoption->adopted_at == 0)
		adoption->adopted_at = events_clock();
	address_format(&request->address, request->length, asked);
	log_debug(adoption->log, "process %d bound %s: given %s%s",
	    call->caller.process, asked, own ? "" : "a companion of ",
	    listener->addr);
	holders_add(adoption, listener, status.st_ino, &call->caller, call->fd,
	    request);
	waiting_bound(adoption, listener, own);
}

/* A listener that was held back begins to listen, as somebody asks for it. */
static bool
wake(struct adoption *adoption, struct listener *listener)
{
	struct watch *watch = adoption_watch(adoption, listener);

	if (!watch->held_back)
		return true;
	watch->held_back = false;
	return adoption_listen(adoption, listener);
}

/*
 * If a service has shut down the listener's socket: it does not count as held,
 * and listens again.  A unix socket cannot, and the service binds its path
 * itself: unix_listen() in the kernel's net/unix/af_unix.c.  Returns whether
 * the listener is good.
 */
static bool
renew(struct adoption *adoption, struct listener *listener)
{
	struct pollfd one = { .fd = listener->fd };

	if (adoption->holders == NULL || !adoption_can_listen(listener) ||
	    adoption_watch(adoption, listener)->held_back ||
	    poll(&one, 1, 0) != 1 || (one.revents & POLLHUP) == 0)
		return true;
	holders_release(adoption, listener);
	if (!listener_is_unix(listener) && adoption_listen(adoption, listener))
		return true;
	adoption_close(adoption, listener);
	return false;
}

/* Puts a socket of ours in the place of the calling process's, if it may. */
static int
give(struct adoption *adoption, struct call *call, struct listener *listener)
{
	struct slot slot = { .notify = call->reporter->notify, .id = call->id,
	    .caller = &call->caller, .fd = call->fd, .inode = call->socket,
	    .copy = call->copy };
	const struct request *request = &call->request;
	struct meeting meeting;
	int fd, flags, status;

	if ((holders_is_yielded(adoption, listener) &&
	    !holders_reclaim(adoption, listener)) ||
	    !renew(adoption, listener))
		return CONTINUE_CALL;
	meeting_look(adoption, call, listener, &meeting);
	if (meeting.conflict == IN_USE) {
		meeting_say(adoption, call, &meeting);
		return EADDRINUSE;
	}
	fd = choose_socket(adoption, call, listener, &meeting);
	if (fd == -1 || (fd == listener->fd && !wake(adoption, listener)))
		return errno == EADDRINUSE ? EADDRINUSE : CONTINUE_CALL;
	slot.flags = flags = caller_flags(&call->caller, call->fd);
	if (fd == listener->fd && stays_nonblocking(&meeting, flags, fd))
		flags |= O_NONBLOCK;
	kept_options_hand_over(adoption, listener, call->copy, flags,
	    request->family, request->type, fd);
	status = install_listener(&slot, fd);
	if (slot.deaf)
		yield_to_deaf(adoption, listener, &call->caller,
		    &request->address, request->length);
	if (status == 0)
		record(adoption, call, listener, fd);
	if (fd != listener->fd)
		close(fd);
	return status == 0 ? 0 : CONTINUE_CALL;
}

/*
 * The kernel will handle this bind(2); records what it tells us.  The call has
 * not been made yet, and may fail.
 */
static void
continue_bind(struct adoption *adoption, const struct call *call)
{
	const struct request *request = &call->request;
	char bound[ADDR_MAX];

	if (request->type == SOCK_STREAM && request->standard &&
	    request->same_network && address_port(&request->address) != 0) {
		address_format(&request->address, request->length, bound);
		log_debug(adoption->log, "process %d bound %s itself",
		    call->caller.process, bound);
	}
	if (request->family == AF_UNIX)
		adoption_close_lost_paths(adoption, call->caller.process);
}

/*
 * Whether this call was answered before.  Without WAIT_KILLABLE_RECV a signal
 * may interrupt a call whose descriptor was replaced already, and the kernel
 * then restarts it: seccomp_unotify(2).
 */
static bool
is_issued_again(const struct adoption *adoption, const struct call *call)
{
	struct holder_key key = { .process = call->caller.process,
	    .asked = &call->request.address };

	return !call->reporter->killable &&
	    holders_find(adoption, &key) != NULL;
}

void
bind_call_begin(struct adoption *adoption)
{
	examine_begin(adoption);
	kept_options_begin(adoption);
}

int
bind_call_decide(struct adoption *adoption, struct call *call)
{
	struct listener *list = adoption->listeners->list;
	struct holder_key given = { .socket = call->socket };
	struct map *taken = NULL;
	int decision = CONTINUE_CALL, match;

	if (adoption_find(adoption, call->socket) != NULL ||
	    holders_find(adoption, &given) != NULL)
		return is_issued_again(adoption, call) ? 0 : CONTINUE_CALL;
	match = match_listener(&call->request, adoption->listeners,
	    adoption->maps);
	if (match == -1)
		taken = any_port_take(adoption, call);
	if (taken != NULL)
		match = match_listener(&call->request, adoption->listeners,
		    adoption->maps);
	/* bind(2) fails then, and what it is bound to must not be lost. */
	if (match != -1 && !call->is_bound)
		decision = give(adoption, call, &list[match]);
	if (taken != NULL)
		any_port_settle(adoption, taken, call, decision == 0);
	if (decision == CONTINUE_CALL)
		continue_bind(adoption, call);
	return decision;
}
