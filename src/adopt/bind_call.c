/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>

#include <fcntl.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "adopt/bind_call.h"
#include "adopt/caller.h"
#include "adopt/examine.h"
#include "adopt/filter.h"
#include "adopt/holders.h"
#include "adopt/install.h"
#include "adopt/kept_options.h"
#include "adopt/match.h"
#include "adopt/second_socket.h"
#include "adopt/waiting.h"
#include "adopt/yield.h"

#define ALONE	8	/* calls of one thread in a row */

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
 * A process that holds the listener for another address, and still has it open,
 * gets a second socket.  Two accept loops on one open file description would
 * block or starve each other.
 */
static bool
needs_second_socket(const struct adoption *adoption, const struct call *call,
    const struct listener *listener)
{
	struct holder_key key = { .process = call->caller.process,
	    .listener = listener, .other = &call->request.address };

	return holders_find(adoption, &key) != NULL &&
	    holders_uses(adoption, &call->caller, listener);
}

/*
 * Returns the socket that the calling process is to be given: the listener's
 * own; or a second one, which give() closes; or -1.
 */
static int
choose_socket(struct adoption *adoption, const struct call *call,
    struct listener *listener, bool second)
{
	const struct request *request = &call->request;

	if (second)
		return second_socket_make(listener, request->family);
	if (listener->type == SOCK_DGRAM && request->family == AF_INET6 &&
	    listener->address.any.sa_family == AF_INET &&
	    (listener->inherited ||
	    second_socket_make_dual_stack(adoption, listener) == -1))
		return -1;
	return listener->fd;
}

/*
 * Sets O_NONBLOCK as it was on the process's own socket: it belongs to the open
 * file description.  Close-on-exec belongs to the descriptor, and
 * install_listener() sets it.
 */
static void
copy_nonblock(int wanted, int to)
{
	int flags = fcntl(to, F_GETFL);

	if (((flags ^ wanted) & O_NONBLOCK) != 0)
		fcntl(to, F_SETFL, flags ^ O_NONBLOCK);
}

/* Returns whether the calling process was given a socket for the listener. */
static bool
give(struct adoption *adoption, struct call *call, struct listener *listener)
{
	struct slot slot = { .notify = adoption->notify, .id = call->id,
	    .caller = &call->caller, .fd = call->fd, .inode = call->socket,
	    .copy = call->copy };
	const struct request *request = &call->request;
	char asked[ADDR_MAX];
	int fd, status;
	bool second;

	if (holders_is_yielded(adoption, listener) &&
	    !holders_reclaim(adoption, listener))
		return false;
	second = needs_second_socket(adoption, call, listener);
	fd = choose_socket(adoption, call, listener, second);
	if (fd == -1)
		return false;
	kept_options_hand_over(adoption, listener, call->copy,
	    request->family, request->type, fd);
	slot.flags = caller_flags(&call->caller, call->fd);
	copy_nonblock(slot.flags, fd);
	status = install_listener(&slot, fd);
	if (second)
		close(fd);
	if (slot.deaf)
		yield_to_deaf(adoption, listener, &call->caller,
		    &request->address, request->length);
	if (status == -1)
		return false;
	/*
	 * A second socket is the process's alone: the keeper neither watches
	 * nor lists it.  The process holds the listener already, for another
	 * address, and holders_add() would replace that address.
	 */
	if (!second) {
		waiting_settle(adoption, listener);
		if (adoption->adopted_at == 0)
			adoption->adopted_at = events_clock();
		holders_add(adoption, listener, &call->caller,
		    call->fd, &request->address);
	}
	address_format(&request->address, request->length, asked);
	log_debug(adoption->log, "process %d bound %s: given %s%s",
	    call->caller.process, asked, second ? "a companion of " : "",
	    listener->addr);
	return true;
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
		adoption->foreign = request->address;
		adoption->foreign_length = request->length;
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

	return !adoption->killable && holders_find(adoption, &key) != NULL;
}

static bool
answer(struct adoption *adoption, struct call *call)
{
	struct listener *list = adoption->listeners->list;
	int match;

	if (adoption_find(adoption, call->socket) != NULL)
		return is_issued_again(adoption, call);
	match = match_listener(&call->request, adoption->listeners,
	    adoption->maps);
	if (match != -1 && give(adoption, call, &list[match]))
		return true;
	continue_bind(adoption, call);
	return false;
}

void
bind_call_begin(struct adoption *adoption)
{
	examine_begin(adoption);
	kept_options_begin(adoption);
}

/*
 * The keeper and a thread that calls again and again take turns.  Threads that
 * call at once do not: each would be woken on the keeper's processor.
 */
static void
choose_wakeup(struct adoption *adoption, pid_t caller)
{
	bool alone = adoption->in_a_row >= ALONE;

	if (caller != adoption->caller)
		adoption->in_a_row = 0;
	else if (!alone)
		adoption->in_a_row++;
	adoption->caller = caller;
	if (alone != (adoption->in_a_row >= ALONE))
		filter_take_turns(adoption->notify, !alone);
}

void
bind_call_answer(struct adoption *adoption)
{
	/* A newer kernel's structures may be longer: seccomp_unotify(2). */
	union {
		struct seccomp_notif notification;
		char room[1024];
	} in = { .room = { 0 } };
	union {
		struct seccomp_notif_resp response;
		char room[1024];
	} out = { .room = { 0 } };
	struct call call = { .caller.pidfd = -1, .copy = -1 };

	if (ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_RECV,
	    &in.notification) == -1)
		return;
	out.response.id = call.id = in.notification.id;
	if (!examine_call(adoption, &in.notification, &call) ||
	    !answer(adoption, &call))
		out.response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* With our copy open, the old socket would outlive the call. */
	if (call.copy != -1)
		close(call.copy);
	caller_close(&call.caller);
	choose_wakeup(adoption, (pid_t)in.notification.pid);
	ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_SEND, &out.response);
}
