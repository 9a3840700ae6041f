/* SPDX-License-Identifier: ISC */
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
#include "adopt/filter.h"
#include "adopt/holders.h"
#include "adopt/install.h"
#include "adopt/kept_options.h"
#include "adopt/match.h"
#include "adopt/second_socket.h"
#include "adopt/waiting.h"
#include "adopt/yield.h"

struct call {
	uint64_t		 id;	/* the notification's cookie */
	struct caller		 caller;
	struct descriptor	 socket;
	int			 flags;	/* of socket: caller_flags() */
	int			 copy;	/* of socket; owned; -1: refused */
	struct request		 request;
};

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
 * Learns type, family and protocol from a copy of the socket.  Where
 * pidfd_getfd(2) is refused, learns them from the name of the protocol.
 */
static void
examine_socket(struct call *call)
{
	struct request *request = &call->request;
	int protocol = -1;
	socklen_t length = sizeof(int);
	char name[32];
	const char *base;

	call->copy = caller_copy(&call->caller, call->socket.fd);
	if (call->copy != -1) {
		getsockopt(call->copy, SOL_SOCKET, SO_TYPE, &request->type,
		    &length);
		getsockopt(call->copy, SOL_SOCKET, SO_DOMAIN,
		    &request->family, &length);
		getsockopt(call->copy, SOL_SOCKET, SO_PROTOCOL, &protocol,
		    &length);
		/* Go uses MPTCP by default, which falls back to TCP. */
		request->standard = protocol == IPPROTO_TCP ||
		    protocol == IPPROTO_UDP || protocol == IPPROTO_MPTCP;
		return;
	}
	caller_protocol(&call->caller, call->socket.fd, name,
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
 * Reads the arguments of bind().  socketcall(2) has them in an array in the
 * process's memory.  Returns 0, or -1 and errno.
 */
static int
read_arguments(const struct caller *caller, const struct seccomp_data *data,
    uint64_t arguments[3])
{
	const struct architecture *architecture = filter_find(data->arch);
	union {
		uint32_t	narrow[3];
		uint64_t	wide[3];
	} words;
	size_t i;

	for (i = 0; i < 3; i++)
		arguments[i] = data->args[i];
	if (architecture == NULL || data->nr != architecture->socketcall)
		return 0;
	if (caller_read(caller, data->args[1], &words,
	    3 * architecture->word) == -1)
		return -1;
	for (i = 0; i < 3; i++)
		arguments[i] = architecture->word == sizeof(uint32_t) ?
		    words.narrow[i] : words.wide[i];
	return 0;
}

/*
 * Returns whether the call still waits.  If it does not, another process may
 * have got the pid, and have been read instead: seccomp_unotify(2).
 */
static bool
is_valid(const struct adoption *adoption, const struct call *call)
{
	return ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_ID_VALID,
	    &call->id) == 0;
}

/*
 * Learns the process of the calling thread.  Returns false if the call does not
 * wait any more.  Leaves errno alone.
 */
static bool
identify(const struct adoption *adoption, struct call *call)
{
	int error = errno;
	bool known = caller_identify(&call->caller, call->caller.thread) &&
	    is_valid(adoption, call);

	errno = error;
	return known;
}

/*
 * Reads the address that is asked for, and the descriptor.  If the arguments
 * cannot be read (socketcall(2)), the length is unknown: assumes that of an IP
 * address.  Returns false if the kernel is to handle the call.
 */
static bool
read_request(struct adoption *adoption, const struct seccomp_data *data,
    struct call *call, int *fd)
{
	struct request *request = &call->request;
	size_t length = sizeof(struct sockaddr_in);
	uint64_t arguments[3];
	bool known = read_arguments(&call->caller, data, arguments) == 0;

	if (known)
		length = (uint32_t)arguments[2];
	if (length <= sizeof(sa_family_t) ||
	    length > sizeof(struct sockaddr_storage))
		return false;
	request->length = (socklen_t)(length < sizeof(request->address) ?
	    length : sizeof(request->address));
	if (!known || caller_read(&call->caller, arguments[1],
	    &request->address, request->length) == -1) {
		if (errno != EFAULT && errno != ESRCH &&
		    identify(adoption, call))
			yield_to_unreadable(adoption, &call->caller, length);
		return false;
	}
	*fd = (int)arguments[0];
	return true;
}

/*
 * Whether the kernel is to handle the call, whatever socket it is for.  Most
 * bind(2) calls are decided here, from the address alone.  Until the service
 * has been given a listener, a call for another port is examined all the same,
 * if it is not the one before: report() in waiting.c suggests that port for
 * --map.  So is every call for a port under -v, which logs it.
 */
static bool
is_foreign(const struct adoption *adoption, const union address *address)
{
	const struct listeners *listeners = adoption->listeners;
	const struct maps *maps = adoption->maps;
	unsigned port;
	size_t i;

	switch (address->any.sa_family) {
	case AF_UNIX:
		return !adoption->has_unix;
	case AF_INET6:
		port = ntohs(address->in6.sin6_port);
		break;
	case AF_INET:
	case AF_UNSPEC:
		port = ntohs(address->in.sin_port);
		break;
	default:
		return true;
	}
	for (i = 0; port != 0 && i < listeners->count; i++)
		if (listeners->list[i].port == port)
			return false;
	for (i = 0; port != 0 && i < maps->count; i++)
		if (maps->list[i].port == port)
			return false;
	if (port == 0)
		return true;
	return adoption->log->verbosity != VERBOSE &&
	    (adoption->adopted_at != 0 || port == adoption->foreign_port);
}

/*
 * Learns what a decision needs.  Returns false if there is nothing to decide:
 * the kernel is to handle the call.  What was read is the calling process's
 * own only if the call still waits at the end.
 */
static bool
examine(struct adoption *adoption, const struct seccomp_notif *notification,
    struct call *call)
{
	struct request *request = &call->request;
	int fd;

	call->caller.thread = (pid_t)notification->pid;
	if (!read_request(adoption, &notification->data, call, &fd) ||
	    is_foreign(adoption, &request->address) ||
	    !caller_identify(&call->caller, call->caller.thread) ||
	    !caller_descriptor(&call->caller, fd, &call->socket) ||
	    call->socket.socket == 0)
		return false;
	request->same_network = adoption->network != 0 &&
	    caller_network(call->caller.thread) == adoption->network;
	examine_socket(call);
	/*
	 * __inet_bind() in net/ipv4/af_inet.c accepts the wildcard address with
	 * AF_UNSPEC on an IPv4 socket.
	 */
	if (request->family == AF_INET &&
	    request->address.any.sa_family == AF_UNSPEC &&
	    request->address.in.sin_addr.s_addr == htonl(INADDR_ANY))
		request->address.any.sa_family = AF_INET;
	examine_path(call);
	return is_valid(adoption, call);
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
copy_nonblock(const struct call *call, int to)
{
	int flags = fcntl(to, F_GETFL);

	if (((flags ^ call->flags) & O_NONBLOCK) != 0)
		fcntl(to, F_SETFL, flags ^ O_NONBLOCK);
}

/* Returns whether the calling process was given a socket for the listener. */
static bool
give(struct adoption *adoption, struct call *call, struct listener *listener)
{
	struct slot slot = { .notify = adoption->notify, .id = call->id,
	    .caller = &call->caller, .socket = &call->socket,
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
	slot.flags = call->flags = caller_flags(&call->caller,
	    call->socket.fd);
	copy_nonblock(call, fd);
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
		    call->socket.fd, &request->address);
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

	if (request->type == SOCK_STREAM && request->standard &&
	    request->same_network && address_port(&request->address) != 0) {
		adoption->foreign_port = address_port(&request->address);
		address_format(&request->address, request->length,
		    adoption->last_foreign_bind);
		log_debug(adoption->log, "process %d bound %s itself",
		    call->caller.process, adoption->last_foreign_bind);
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

	if (adoption_find(adoption, call->socket.socket) != NULL)
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
	adoption->network = caller_network(getpid());
	kept_options_begin(adoption);
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
	if (!examine(adoption, &in.notification, &call) ||
	    !answer(adoption, &call))
		out.response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* With our copy open, the old socket would outlive the call. */
	if (call.copy != -1)
		close(call.copy);
	caller_close(&call.caller);
	ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_SEND, &out.response);
}
