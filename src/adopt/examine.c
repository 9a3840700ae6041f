/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "adopt/examine.h"
#include "adopt/filter.h"
#include "adopt/yield.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE	71	/* since 5.14 */
#endif

/* Returns the socket's SO_NETNS_COOKIE (Linux 5.14), or 0. */
static uint64_t
socket_network(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length);
	return cookie;
}

static bool
is_in_namespace(const struct adoption *adoption, pid_t thread)
{
	return adoption->namespace != 0 &&
	    caller_network(thread) == adoption->namespace;
}

void
examine_begin(struct adoption *adoption)
{
	int own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	adoption->network = socket_network(own);
	adoption->is_apart = adoption->network != 0 && adoption->network !=
	    socket_network(adoption->listeners->list[0].fd);
	adoption->namespace = caller_network(getpid());
	if (own != -1)
		close(own);
}

/* Returns 0 if the socket has no such option. */
static int
read_option(int fd, int level, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	getsockopt(fd, level, option, &value, &length);
	return value;
}

/* Learns from the keeper's copy of the descriptor what socket it is. */
static void
examine_type(const struct adoption *adoption, struct call *call)
{
	struct request *request = &call->request;
	int protocol = read_option(call->copy, SOL_SOCKET, SO_PROTOCOL);

	/* Go uses MPTCP by default, which falls back to TCP. */
	request->standard = protocol == IPPROTO_TCP ||
	    protocol == IPPROTO_UDP || protocol == IPPROTO_MPTCP;
	request->type = protocol == IPPROTO_UDP ? SOCK_DGRAM :
	    request->standard ? SOCK_STREAM :
	    read_option(call->copy, SOL_SOCKET, SO_TYPE);
	request->same_network = adoption->network != 0 ?
	    socket_network(call->copy) == adoption->network :
	    is_in_namespace(adoption, call->caller.thread);
	if (call->kind == REPORTED_CONNECT && adoption->is_apart)
		request->same_network = false;
}

/* Does so for a bind(2).  Returns false if the descriptor is no socket. */
static bool
examine_copy(const struct adoption *adoption, struct call *call)
{
	struct request *request = &call->request;
	union address own = { .any.sa_family = AF_UNSPEC };
	socklen_t length = sizeof(own);
	struct stat status;

	if (fstat(call->copy, &status) == -1 || !S_ISSOCK(status.st_mode))
		return false;
	call->socket = status.st_ino;
	/* Of a socket without an address too it says the family. */
	if (getsockname(call->copy, &own.any, &length) == -1)
		return false;
	request->family = own.any.sa_family;
	call->is_bound = request->family == AF_UNIX ?
	    length > sizeof(sa_family_t) : address_port(&own) != 0;
	examine_type(adoption, call);
	request->share_port = read_option(call->copy, SOL_SOCKET,
	    SO_REUSEPORT) != 0;
	request->share_address = request->type == SOCK_DGRAM &&
	    read_option(call->copy, SOL_SOCKET, SO_REUSEADDR) != 0;
	request->v6only = request->family == AF_INET6 &&
	    read_option(call->copy, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
	return true;
}

/*
 * Does the same where pidfd_getfd(2) is refused: the name of the protocol says
 * what the socket is.  What options it has is not known: it may share its port.
 */
static bool
examine_link(const struct adoption *adoption, struct call *call)
{
	struct request *request = &call->request;
	char name[32];
	const char *base;

	call->socket = caller_socket(&call->caller, call->fd);
	if (call->socket == 0)
		return false;
	request->share_port = true;
	request->same_network = is_in_namespace(adoption, call->caller.thread);
	caller_protocol(&call->caller, call->fd, name, sizeof(name));
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
	return true;
}

static void
examine_path(struct call *call)
{
	struct request *request = &call->request;
	char path[sizeof(request->address.un.sun_path) + 1] = "";
	struct stat status;

	if (request->address.any.sa_family != AF_UNIX ||
	    request->address.un.sun_path[0] == '\0')
		return;
	memcpy(path, request->address.un.sun_path, request->length -
	    offsetof(struct sockaddr_un, sun_path));
	if (caller_stat(&call->caller, path, &status)) {
		request->device = status.st_dev;
		request->inode = status.st_ino;
	}
}

/*
 * Reads the arguments of the call.  socketcall(2) has them in an array in the
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
is_valid(const struct call *call)
{
	return ioctl(call->reporter->notify, SECCOMP_IOCTL_NOTIF_ID_VALID,
	    &call->id) == 0;
}

/*
 * Learns the process of the calling thread.  Returns false if the call does not
 * wait any more.  Leaves errno alone.
 */
static bool
identify(struct call *call)
{
	int error = errno;
	bool known = caller_identify(&call->caller, call->caller.thread) &&
	    is_valid(call);

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
    struct call *call)
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
		if (call->kind == REPORTED_BIND && errno != EFAULT &&
		    errno != ESRCH && identify(call))
			yield_to_unreadable(adoption, &call->caller, length);
		return false;
	}
	call->fd = (int)arguments[0];
	return true;
}

/*
 * Whether the kernel is to handle the bind(2), whatever socket it is for.  Most
 * are decided here, from the address alone.  Under -v a call for another port
 * is examined all the same, and logged; under --map any it may be the one.
 */
static bool
is_foreign_bind(const struct adoption *adoption, const union address *address)
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
		if (port == maps->list[i].port || maps->list[i].is_any)
			return false;
	return port == 0 || adoption->log->verbosity != VERBOSE;
}

static bool
is_foreign(const struct adoption *adoption, const struct call *call)
{
	const struct request *request = &call->request;

	return call->kind == REPORTED_CONNECT ?
	    !match_may_meet(&request->address, request->length,
	    adoption->maps) :
	    is_foreign_bind(adoption, &request->address);
}

/*
 * Only with a copy can the connection be made: pidfd_getfd(2) was refused.  It
 * also fails for a process that has ended meanwhile.
 */
static void
say_unmet(struct adoption *adoption, const struct call *call)
{
	const char *why = strerror(errno);
	char asked[ADDR_MAX];

	if (adoption->said_unmet || errno == EBADF || !is_valid(call))
		return;
	adoption->said_unmet = true;
	address_format(&call->request.address, call->request.length, asked);
	log_info(adoption->log, "process %d connects to %s itself: "
	    "pidfd_getfd: %s; tell it the port", call->caller.process, asked,
	    why);
}

/*
 * Copies the descriptor of a process that connects, whose pidfd may be there
 * from its last call.
 */
static bool
copy_connecting(struct call *call)
{
	struct caller *last = &call->reporter->connected;

	if (last->pidfd != -1 && last->thread == call->caller.thread) {
		call->copy = caller_copy(last, call->fd);
		if (call->copy != -1) {
			call->caller.process = last->process;
			return true;
		}
	}
	caller_close(last);
	if (!caller_identify(&call->caller, call->caller.thread))
		return false;
	call->copy = caller_copy(&call->caller, call->fd);
	if (call->caller.process == call->caller.thread) {
		*last = call->caller;
		call->caller.pidfd = -1;
	}
	return true;
}

static bool
examine_connect(struct adoption *adoption, struct call *call)
{
	if (!copy_connecting(call))
		return false;
	if (call->copy == -1) {
		say_unmet(adoption, call);
		return false;
	}
	examine_type(adoption, call);
	return is_valid(call);
}

bool
examine_call(struct adoption *adoption,
    const struct seccomp_notif *notification, struct call *call)
{
	struct request *request = &call->request;

	call->kind = filter_kind(&notification->data);
	if (call->kind == REPORTED_RING) {
		adoption->has_ring = true;
		return false;
	}
	call->caller.thread = (pid_t)notification->pid;
	if (!read_request(adoption, &notification->data, call) ||
	    is_foreign(adoption, call))
		return false;
	if (call->kind == REPORTED_CONNECT)
		return examine_connect(adoption, call);
	if (!caller_identify(&call->caller, call->caller.thread))
		return false;
	call->copy = caller_copy(&call->caller, call->fd);
	if (!(call->copy != -1 ? examine_copy : examine_link)(adoption, call))
		return false;
	/*
	 * __inet_bind() in net/ipv4/af_inet.c accepts the wildcard address with
	 * AF_UNSPEC on an IPv4 socket.
	 */
	if (request->family == AF_INET &&
	    request->address.any.sa_family == AF_UNSPEC &&
	    request->address.in.sin_addr.s_addr == htonl(INADDR_ANY))
		request->address.any.sa_family = AF_INET;
	examine_path(call);
	return is_valid(call);
}
