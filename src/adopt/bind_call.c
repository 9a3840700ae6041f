#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "adopt/bind_call.h"
#include "adopt/caller.h"
#include "adopt/holders.h"
#include "adopt/install.h"
#include "adopt/match.h"
#include "adopt/second_socket.h"
#include "adopt/waiting.h"

/* One bind() on its way. */
struct call {
	uint64_t		 id;	/* the notification's cookie */
	struct caller		 caller;
	struct descriptor	 socket;
	int			 copy;	/* of the socket, owned; -1: refused */
	struct request		 request;
};

static const int probe_of_memory = 0x70657865;

int
bind_call_try(pid_t child)
{
	struct caller caller = { child, child };
	int value = 0;

	return caller_read(&caller,
	    (unsigned long long)(uintptr_t)&probe_of_memory, &value,
	    sizeof(value));
}

/* A unix path that was unlinked, or replaced, brings no client any more. */
static void
close_lost_paths(struct adoption *adoption, const struct caller *caller)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		listener = &adoption->listeners->list[i];
		if (listener->fd != -1 && listener_lost_path(listener)) {
			log_debug(adoption->log, "process %d binds %s "
			    "itself", caller->process, listener->addr);
			adoption_close(listener);
		}
	}
}

/* Returns whether any listener listened until now. */
static bool
yield_ports(struct adoption *adoption, const struct caller *caller)
{
	struct holder_key key = { 0 };
	struct listener *listener;
	bool listened = false;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		key.listener = listener = &adoption->listeners->list[i];
		if (listener->reserve != -1 && listener->fd != -1 &&
		    holders_find(adoption, &key) == NULL)
			listened |= holders_yield(adoption, listener, caller);
	}
	return listened;
}

/*
 * The keeper cannot look into this process.  What it binds is not known, but
 * from the length of the address it is whether that may be IP: then the
 * process is to bind the port itself.  The reserve lets it, as long as
 * nothing listens there.
 */
static void
yield_to_unreadable(struct adoption *adoption, const struct caller *caller,
    size_t length)
{
	const char *why = strerror(errno);
	bool may_be_ip = length == sizeof(struct sockaddr_in) ||
	    length == sizeof(struct sockaddr_in6) ||
	    length == sizeof(struct sockaddr_storage);

	close_lost_paths(adoption, caller);
	if (may_be_ip && yield_ports(adoption, caller) &&
	    !adoption->said_unreadable) {
		log_info(adoption->log, "process %d cannot be read: %s; so "
		    "nothing listens before it does, or ends",
		    caller->process, why);
		adoption->said_unreadable = true;
	} else
		log_debug(adoption->log, "process %d cannot be read: %s",
		    caller->process, why);
}

/* Learns type and protocol from the socket itself, else from its name. */
static void
examine_socket(struct call *call)
{
	struct request *request = &call->request;
	int protocol = -1;
	socklen_t length = sizeof(int);
	char name[32];
	const char *base;

	call->copy = caller_copy(&call->caller, call->socket.number);
	if (call->copy != -1) {
		getsockopt(call->copy, SOL_SOCKET, SO_TYPE, &request->type,
		    &length);
		getsockopt(call->copy, SOL_SOCKET, SO_DOMAIN,
		    &request->family, &length);
		getsockopt(call->copy, SOL_SOCKET, SO_PROTOCOL, &protocol,
		    &length);
		/* Multipath TCP falls back to TCP; Go asks for it by itself. */
		request->standard = protocol == IPPROTO_TCP ||
		    protocol == IPPROTO_UDP || protocol == IPPROTO_MPTCP;
		return;
	}
	caller_protocol(&call->caller, call->socket.number, name,
	    sizeof(name));
	base = name + (strncmp(name, "MPTCP", 5) == 0 ? strlen("MP") : 0);
	if (strncmp(base, "TCP", 3) == 0 || strncmp(base, "UDP", 3) == 0) {
		request->type = base[0] == 'T' ? SOCK_STREAM : SOCK_DGRAM;
		request->family = strcmp(base + 3, "v6") == 0 ? AF_INET6 :
		    AF_INET;
		request->standard = true;
	} else if (strncmp(name, "UNIX", 4) == 0) {
		request->family = AF_UNIX;
		request->type = strcmp(name, "UNIX-STREAM") == 0 ?
		    SOCK_STREAM : 0;
	}
}

static void
examine_path(struct call *call)
{
	struct request *request = &call->request;
	char path[sizeof(request->address.un.sun_path) + 1] = "", ours[256];
	struct stat status;

	if (request->address.any.sa_family != AF_UNIX ||
	    request->address.un.sun_path[0] == '\0')
		return;
	memcpy(path, request->address.un.sun_path, request->length -
	    offsetof(struct sockaddr_un, sun_path));
	caller_path(&call->caller, path, ours, sizeof(ours));
	if (stat(ours, &status) == 0) {
		request->device = status.st_dev;
		request->inode = status.st_ino;
	}
}

/*
 * Learns what a decision needs.  Returns false where there is nothing to
 * decide: the kernel has its own answer.
 */
static bool
examine(struct adoption *adoption, const struct seccomp_notif *notification,
    struct call *call)
{
	const __u64 *arguments = notification->data.args;
	struct request *request = &call->request;
	size_t length = (uint32_t)arguments[2], given = length;

	if (!caller_identify(&call->caller, (pid_t)notification->pid))
		return false;
	if (length > sizeof(struct sockaddr_storage))
		return false;
	if (length > sizeof(request->address))
		length = sizeof(request->address);
	request->length = (socklen_t)length;
	if (caller_read(&call->caller, arguments[1], &request->address,
	    length) == -1) {
		if (errno != EFAULT && errno != ESRCH)
			yield_to_unreadable(adoption, &call->caller,
			    given);
		return false;
	}
	/* What was read is the caller's only while the call still waits. */
	if (ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_ID_VALID,
	    &call->id) == -1 ||
	    !caller_descriptor(&call->caller, (int)arguments[0],
	    &call->socket) || call->socket.socket == 0)
		return false;
	request->same_network = caller_shares_network(&call->caller);
	examine_socket(call);
	/* __inet_bind() takes a wildcard without a family for an IPv4 one. */
	if (request->family == AF_INET &&
	    request->address.any.sa_family == AF_UNSPEC &&
	    request->address.in.sin_addr.s_addr == htonl(INADDR_ANY))
		request->address.any.sa_family = AF_INET;
	examine_path(call);
	return true;
}

/*
 * A process that holds the listener for another address gets a second socket,
 * which it owns alone: two accept loops on one open file would block or
 * starve each other.
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
 * Returns the socket that the call is to be given: the listener's own, or a
 * second one, which the caller closes; -1 where there is none.
 */
static int
choose_socket(const struct call *call, struct listener *listener, bool second)
{
	const struct request *request = &call->request;

	if (second)
		return second_socket_make(listener, request->family);
	if (listener->type == SOCK_DGRAM && request->family == AF_INET6 &&
	    listener->address.any.sa_family == AF_INET &&
	    (listener->inherited ||
	    second_socket_make_dual_stack(listener) == -1))
		return -1;
	return listener->fd;
}

/* O_NONBLOCK belongs to the open file, close-on-exec to the descriptor. */
static void
copy_nonblock(const struct call *call, int to)
{
	int wanted = caller_flags(&call->caller, call->socket.number);
	int flags = fcntl(to, F_GETFL);

	if (((flags ^ wanted) & O_NONBLOCK) != 0)
		fcntl(to, F_SETFL, flags ^ O_NONBLOCK);
}

/*
 * The process would wait for ever for what happens on a socket that it has
 * lost: it is to bind the port itself.
 */
static void
yield_to_deaf(struct adoption *adoption, const struct call *call,
    struct listener *listener)
{
	const char *why = strerror(errno);
	struct holder_key key = { .listener = listener };
	char asked[ADDR_MAX];

	if (listener->reserve != -1 && holders_find(adoption, &key) == NULL)
		holders_yield(adoption, listener, &call->caller);
	address_format(&call->request.address, call->request.length, asked);
	(adoption->said_deaf ? log_debug : log_info)(adoption->log,
	    "process %d has an epoll instance that cannot be reached: %s; so "
	    "it binds %s itself", call->caller.process, why, asked);
	adoption->said_deaf = true;
}

/* Returns whether the call was given listener's socket, or one for it. */
static bool
give(struct adoption *adoption, const struct call *call,
    struct listener *listener)
{
	struct slot slot = { adoption->notify, call->id, &call->caller,
	    &call->socket, call->copy, false };
	const struct request *request = &call->request;
	char asked[ADDR_MAX];
	int fd, status;
	bool second;

	if (holders_is_yielded(adoption, listener) &&
	    !holders_reclaim(adoption, listener))
		return false;
	second = needs_second_socket(adoption, call, listener);
	fd = choose_socket(call, listener, second);
	if (fd == -1)
		return false;
	if (call->copy != -1)
		second_socket_copy_options(call->copy, fd, request->family,
		    request->type);
	copy_nonblock(call, fd);
	status = install_listener(&slot, fd);
	if (second)
		close(fd);
	if (slot.deaf)
		yield_to_deaf(adoption, call, listener);
	if (status == -1)
		return false;
	if (!second) {
		waiting_settle(adoption, listener);
		if (adoption->adopted_at == 0)
			adoption->adopted_at = events_clock();
		holders_add(adoption, listener, &call->caller,
		    call->socket.number, &request->address);
	}
	address_format(&request->address, request->length, asked);
	log_debug(adoption->log, "process %d bound %s: given %s%s",
	    call->caller.process, asked, second ? "a companion of " : "",
	    listener->addr);
	return true;
}

/* The kernel handles this bind(): what it says of the service is noted. */
static void
continue_bind(struct adoption *adoption, const struct call *call)
{
	const struct request *request = &call->request;

	if (request->type == SOCK_STREAM && request->standard &&
	    request->same_network && address_port(&request->address) != 0) {
		address_format(&request->address, request->length,
		    adoption->last_foreign_bind);
		log_debug(adoption->log, "process %d bound %s itself",
		    call->caller.process, adoption->last_foreign_bind);
	}
	if (request->family == AF_UNIX)
		close_lost_paths(adoption, &call->caller);
}

/*
 * Without WAIT_KILLABLE_RECV a signal may have the kernel issue the call
 * again after it was answered: then the socket is ours already.
 */
static bool
is_issued_again(const struct adoption *adoption, const struct call *call)
{
	struct holder_key key = { .process = call->caller.process,
	    .asked = &call->request.address };

	return !adoption->killable && holders_find(adoption, &key) != NULL;
}

static bool
answer(struct adoption *adoption, const struct call *call)
{
	struct listener *list = adoption->listeners->list;
	int which;

	if (adoption_find(adoption, call->socket.socket) != NULL)
		return is_issued_again(adoption, call);
	which = match_listener(&call->request, adoption->listeners,
	    adoption->maps);
	if (which != -1 && give(adoption, call, &list[which]))
		return true;
	continue_bind(adoption, call);
	return false;
}

void
bind_call_answer(struct adoption *adoption)
{
	/* The kernel's structures may be longer than those we know. */
	union {
		struct seccomp_notif notification;
		char room[1024];
	} in = { .room = { 0 } };
	union {
		struct seccomp_notif_resp response;
		char room[1024];
	} out = { .room = { 0 } };
	struct call call = { .copy = -1 };

	if (ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_RECV,
	    &in.notification) == -1)
		return;
	out.response.id = call.id = in.notification.id;
	if (!examine(adoption, &in.notification, &call) ||
	    !answer(adoption, &call))
		out.response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* The old socket stays open until our copy of it is closed. */
	if (call.copy != -1)
		close(call.copy);
	ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_SEND, &out.response);
}
