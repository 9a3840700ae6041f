#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt.h"
#include "companion.h"
#include "filter.h"
#include "process.h"
#include "replace.h"
#include "target.h"

enum { PATIENCE = 3000 };	/* ms that clients wait before it is said */

/* How long a listener's clients have waited for the service to take it. */
struct patience {
	int64_t	since;		/* on process_clock(); 0: no client waits */
	bool	settled;	/* bound, given up, or said that it is not */
	pid_t	left_to;	/* who is to bind it itself; 0: it listens */
};

/* A listener that a process has taken. */
struct gift {
	pid_t		process;
	int		pidfd;		/* owned */
	size_t		listener;	/* its number */
	int		number;		/* the descriptor that it replaced; */
					/* -1: it is to bind by itself */
	union address	asked;
};

/* One bind() on its way. */
struct call {
	uint64_t		 id;	/* the notification's cookie */
	struct target		 target;
	struct descriptor	 socket;
	int			 copy;	/* of the socket, owned; -1: refused */
	struct request		 request;
};

static const int probe_of_memory = 0x70657865;

int
adopt_try(pid_t child)
{
	struct target target = { child, child };
	int value = 0;

	return target_read(&target,
	    (unsigned long long)(uintptr_t)&probe_of_memory, &value,
	    sizeof(value));
}

static ino_t
socket_inode(int fd)
{
	struct stat status;

	return fd == -1 || fstat(fd, &status) == -1 ? 0 : status.st_ino;
}

static bool
is_ours(const struct adoption *adoption, ino_t inode)
{
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++)
		if (socket_inode(adoption->listeners->list[i].fd) == inode)
			return true;
	return false;
}

static bool
can_listen(const struct listener *listener)
{
	return listener->fd != -1 && listener->type != SOCK_DGRAM;
}

static bool
is_tcp(const struct listener *listener)
{
	return can_listen(listener) && listener->host[0] != '\0';
}

/* Clients that a unix socket has queued would else wait for its last copy. */
static void
refuse_queued(int fd)
{
	int client;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	while ((client = accept(fd, NULL, NULL)) != -1)
		close(client);
}

/*
 * The service may have a copy at fd 3: shutdown(2) ends the listening of
 * all.  What was inherited is its giver's to end.
 */
static void
end_listening(struct adoption *adoption, size_t which)
{
	struct listener *listener = &adoption->listeners->list[which];

	adoption->patience[which] = (struct patience){ .settled = true };
	if (listener->fd == -1)
		return;
	if (can_listen(listener) && !listener->inherited) {
		if (!is_tcp(listener))
			refuse_queued(listener->fd);
		shutdown(listener->fd, SHUT_RDWR);
	}
	close(listener->fd);
	listener->fd = -1;
}

/* To poll so many gifts: 0, or -1 and errno. */
static int
make_room(struct adoption *adoption, size_t gifts)
{
	struct pollfd *polls = reallocarray(adoption->polls,
	    ADOPT_POLLS_BEFORE + adoption->listeners->count + gifts,
	    sizeof(*polls));

	if (polls == NULL)
		return -1;
	adoption->polls = polls;
	return 0;
}

int
adopt_begin(struct adoption *adoption)
{
	adoption->patience = calloc(adoption->listeners->count,
	    sizeof(*adoption->patience));
	return adoption->patience == NULL ? -1 : make_room(adoption, 0);
}

void
adopt_close_sockets(struct adoption *adoption)
{
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++)
		end_listening(adoption, i);
}

static bool
is_taken(const struct adoption *adoption, size_t listener)
{
	size_t i;

	for (i = 0; i < adoption->gift_count; i++)
		if (adoption->gifts[i].listener == listener &&
		    adoption->gifts[i].number != -1)
			return true;
	return false;
}

static void
append_gift(struct adoption *adoption, const struct target *target,
    size_t listener, int number, const union address *asked)
{
	struct gift *gifts;

	if (make_room(adoption, adoption->gift_count + 1) == -1)
		return;
	gifts = reallocarray(adoption->gifts, adoption->gift_count + 1,
	    sizeof(*gifts));
	if (gifts == NULL)
		return;
	adoption->gifts = gifts;
	gifts[adoption->gift_count++] = (struct gift){ target->process,
	    target_open(target), listener, number, *asked };
}

/*
 * A process is to bind the number itself: the reserve lets it, as long as
 * nothing of ours listens.  Returns whether something did.
 */
static bool
leave_to(struct adoption *adoption, const struct target *target, size_t which)
{
	const struct listener *listener = &adoption->listeners->list[which];
	struct patience *patience = &adoption->patience[which];
	const union address nothing = { .any = { .sa_family = AF_UNSPEC } };
	bool listened = patience->left_to == 0;
	size_t i;

	if (listener->reserve == -1 || listener->fd == -1 ||
	    is_taken(adoption, which))
		return false;
	*patience = (struct patience){ .settled = true,
	    .left_to = target->process };
	if (listened)
		shutdown(listener->fd, SHUT_RDWR);
	for (i = 0; i < adoption->gift_count; i++)
		if (adoption->gifts[i].process == target->process &&
		    adoption->gifts[i].listener == which)
			return listened;
	append_gift(adoption, target, which, -1, &nothing);
	return listened;
}

/* One whose path was unlinked, or replaced, has no clients any more. */
static void
end_lost_paths(struct adoption *adoption, const struct target *target)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		listener = &adoption->listeners->list[i];
		if (listener->fd != -1 && listener_lost_path(listener)) {
			say_detail(adoption->console, "process %d binds %s "
			    "itself", target->process, listener->addr);
			end_listening(adoption, i);
		}
	}
}

/* What it binds is not known, but whether that may be an IP address. */
static void
yield_to_unreadable(struct adoption *adoption, const struct target *target,
    size_t length)
{
	const char *why = strerror(errno);
	bool yielded = false;
	size_t i;

	end_lost_paths(adoption, target);
	for (i = 0; i < adoption->listeners->count; i++)
		if (length == sizeof(struct sockaddr_in) ||
		    length == sizeof(struct sockaddr_in6) ||
		    length == sizeof(struct sockaddr_storage))
			yielded |= leave_to(adoption, target, i);
	if (yielded && !adoption->said_unreadable)
		say(adoption->console, "process %d cannot be read: %s; so "
		    "nothing listens before it does, or ends",
		    target->process, why);
	else
		say_detail(adoption->console, "process %d cannot be read: %s",
		    target->process, why);
	adoption->said_unreadable |= yielded;
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

	call->copy = target_copy(&call->target, call->socket.number);
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
	target_protocol(&call->target, call->socket.number, name,
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
	target_path(&call->target, path, ours, sizeof(ours));
	if (stat(ours, &status) == 0) {
		request->device = status.st_dev;
		request->inode = status.st_ino;
	}
}

/* Those of bind(); socketcall(2) has them in an array of the caller's. */
static int
read_arguments(const struct target *target, const struct seccomp_data *data,
    uint64_t arguments[3])
{
	const struct architecture *caller = filter_find(data->arch);
	union {
		uint32_t	narrow[3];
		uint64_t	wide[3];
	} words;
	size_t i;

	for (i = 0; i < 3; i++)
		arguments[i] = data->args[i];
	if (caller == NULL || data->nr != caller->socketcall)
		return 0;
	if (target_read(target, data->args[1], &words, 3 * caller->word) == -1)
		return -1;
	for (i = 0; i < 3; i++)
		arguments[i] = caller->word == sizeof(uint32_t) ?
		    words.narrow[i] : words.wide[i];
	return 0;
}

/*
 * Learns what a decision needs.  Returns false where there is nothing to
 * decide: the kernel has its own answer.
 */
static bool
examine(struct adoption *adoption, const struct seccomp_notif *notification,
    struct call *call)
{
	struct request *request = &call->request;
	uint64_t arguments[3];
	size_t given = sizeof(struct sockaddr_in), length;
	bool known;

	if (!target_identify(&call->target, (pid_t)notification->pid))
		return false;
	known = read_arguments(&call->target, &notification->data,
	    arguments) == 0;
	if (known)
		given = (uint32_t)arguments[2];
	length = given;
	if (length <= sizeof(sa_family_t) ||
	    length > sizeof(struct sockaddr_storage))
		return false;
	if (length > sizeof(request->address))
		length = sizeof(request->address);
	request->length = (socklen_t)length;
	if (!known || target_read(&call->target, arguments[1],
	    &request->address, length) == -1) {
		if (errno != EFAULT && errno != ESRCH)
			yield_to_unreadable(adoption, &call->target, given);
		return false;
	}
	/* What was read is the caller's only while the call still waits. */
	if (ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_ID_VALID,
	    &call->id) == -1 ||
	    !target_descriptor(&call->target, (int)arguments[0],
	    &call->socket) || call->socket.socket == 0)
		return false;
	request->same_network = target_shares_network(&call->target);
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
 * Whether a descriptor is of that listener, other than the copy that was
 * passed, of which the service may know nothing.
 */
static bool
is_in_use(const struct adoption *adoption, size_t which,
    const struct descriptor *descriptor)
{
	const struct listener *listener = &adoption->listeners->list[which];
	size_t i;

	if (descriptor->socket == 0 ||
	    descriptor->socket != socket_inode(listener->fd))
		return false;
	if (descriptor->number != FIRST_FD + (int)which)
		return true;
	for (i = 0; i < adoption->gift_count; i++)
		if (adoption->gifts[i].listener == which &&
		    adoption->gifts[i].number == descriptor->number)
			return true;
	return false;
}

static bool
uses(const struct adoption *adoption, const struct target *target,
    size_t which)
{
	struct descriptor *list;
	size_t i, count = target_descriptors(target, &list);
	bool found = false;

	for (i = 0; i < count && !found; i++)
		found = is_in_use(adoption, which, &list[i]);
	free(list);
	return found;
}

/* The process's gift of that listener, for the same or another address. */
static struct gift *
find_gift(const struct adoption *adoption, const struct call *call,
    size_t listener, bool same)
{
	struct gift *gift;
	size_t i;

	for (i = 0; i < adoption->gift_count; i++) {
		gift = &adoption->gifts[i];
		if (gift->process == call->target.process &&
		    gift->listener == listener && is_same_request(
		    &gift->asked, &call->request.address) == same)
			return gift;
	}
	return NULL;
}

static void
remember_gift(struct adoption *adoption, const struct call *call,
    size_t listener)
{
	struct gift *former;

	adoption->patience[listener].settled = true;
	if (adoption->taken_at == 0)
		adoption->taken_at = process_clock();
	if (find_gift(adoption, call, listener, true) != NULL)
		return;
	/* Were that one still in use, this would be a companion. */
	former = find_gift(adoption, call, listener, false);
	if (former != NULL) {
		former->number = call->socket.number;
		former->asked = call->request.address;
		return;
	}
	append_gift(adoption, &call->target, listener, call->socket.number,
	    &call->request.address);
}

static void
describe(const struct request *request, char *text, size_t size)
{
	struct listener asked = { .address = request->address,
	    .length = request->length };

	listener_describe(&asked);
	strlcpy(text, asked.addr, size);
}

/* Returns whether it does; where another listens, that stays as it is. */
static bool
listen_again(struct adoption *adoption, size_t which)
{
	struct listener *listener = &adoption->listeners->list[which];
	struct patience *patience = &adoption->patience[which];

	if (!can_listen(listener))
		return false;
	if (adoption->notify == -1) {	/* it is the service's own */
		patience->settled = true;
		return true;
	}
	if (listen(listener->fd, listener->backlog) == -1) {
		if (patience->left_to == 0)
			end_listening(adoption, which);
		return false;
	}
	if (patience->left_to != 0)
		*patience = (struct patience){ 0 };
	say_detail(adoption->console, "listening on %s again",
	    listener->addr);
	return true;
}

/* It would wait for ever for what happens on a socket that it lost. */
static void
yield_to_registered(struct adoption *adoption, const struct call *call,
    size_t which)
{
	const char *why = strerror(errno);
	char asked[ADDR_MAX];

	leave_to(adoption, &call->target, which);
	describe(&call->request, asked, sizeof(asked));
	(adoption->said_epoll ? say_detail : say)(adoption->console,
	    "process %d has an epoll instance that cannot be reached: %s; so "
	    "it binds %s itself", call->target.process, why, asked);
	adoption->said_epoll = true;
}

/* Returns whether the call was given listener's socket, or one for it. */
static bool
give(struct adoption *adoption, const struct call *call, size_t which)
{
	struct listener *listener = &adoption->listeners->list[which];
	struct place place = { adoption->notify, call->id, &call->target,
	    &call->socket, call->copy, false };
	char asked[ADDR_MAX];
	int fd, flags, status;
	bool companion;

	if (adoption->patience[which].left_to != 0 &&
	    !listen_again(adoption, which))
		return false;
	companion = find_gift(adoption, call, which, false) != NULL &&
	    uses(adoption, &call->target, which);
	if (!companion && listener->type == SOCK_DGRAM &&
	    call->request.family == AF_INET6 &&
	    listener->address.any.sa_family == AF_INET &&
	    (listener->inherited || companion_become_ipv6(listener) == -1))
		return false;
	fd = companion ? companion_make(listener, call->request.family) :
	    listener->fd;
	if (fd == -1)
		return false;
	if (call->copy != -1)
		companion_keep_options(call->copy, fd, call->request.family,
		    call->request.type);
	flags = fcntl(fd, F_GETFL);
	if (((flags ^ call->socket.flags) & O_NONBLOCK) != 0)
		fcntl(fd, F_SETFL, flags ^ O_NONBLOCK);
	status = replace_socket(&place, fd);
	if (companion)
		close(fd);
	if (status == -1 && place.deaf)
		yield_to_registered(adoption, call, which);
	if (status == -1)
		return false;
	if (!companion)
		remember_gift(adoption, call, which);
	describe(&call->request, asked, sizeof(asked));
	say_detail(adoption->console, "process %d bound %s: given %s%s",
	    call->target.process, asked, companion ? "a companion of " : "",
	    listener->addr);
	return true;
}

/* What the kernel is left to decide may still concern us. */
static void
leave(struct adoption *adoption, const struct call *call)
{
	const struct request *request = &call->request;

	if (request->type == SOCK_STREAM && request->standard &&
	    request->same_network && address_port(&request->address) != 0) {
		describe(request, adoption->elsewhere,
		    sizeof(adoption->elsewhere));
		say_detail(adoption->console, "process %d bound %s itself",
		    call->target.process, adoption->elsewhere);
	}
	if (request->family == AF_UNIX)
		end_lost_paths(adoption, &call->target);
}

/*
 * Without WAIT_KILLABLE_RECV a signal may have the kernel issue the call
 * again after it was answered: then the socket is ours already.
 */
static bool
is_issued_again(const struct adoption *adoption, const struct call *call)
{
	const struct gift *gift;
	size_t i;

	for (i = 0; !adoption->killable && i < adoption->gift_count; i++) {
		gift = &adoption->gifts[i];
		if (gift->process == call->target.process &&
		    is_same_request(&gift->asked, &call->request.address))
			return true;
	}
	return false;
}

static bool
answer(struct adoption *adoption, const struct call *call)
{
	int which;

	if (is_ours(adoption, call->socket.socket))
		return is_issued_again(adoption, call);
	which = decide(&call->request, adoption->listeners, adoption->maps);
	if (which != -1 && give(adoption, call, (size_t)which))
		return true;
	leave(adoption, call);
	return false;
}

void
adopt_answer(struct adoption *adoption)
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
	/* As long as we have a copy of it, the old socket is not closed. */
	if (call.copy != -1)
		close(call.copy);
	ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_SEND, &out.response);
}

nfds_t
adopt_poll(struct adoption *adoption)
{
	const struct listener *list = adoption->listeners->list;
	const struct patience *patience = adoption->patience;
	struct pollfd *polls = adoption->polls + ADOPT_POLLS_BEFORE;
	bool curious, watched;
	size_t i;

	/*
	 * A unix socket that was shut down would never cease to say so, nor
	 * one that is left to somebody.
	 */
	for (i = 0; i < adoption->listeners->count; i++, polls++) {
		curious = !patience[i].settled && patience[i].since == 0;
		watched = is_tcp(&list[i]) && adoption->notify != -1 &&
		    patience[i].left_to == 0;
		*polls = (struct pollfd){ .fd = curious || watched ?
		    list[i].fd : -1, .events = curious ? POLLIN : 0 };
	}
	for (i = 0; i < adoption->gift_count; i++, polls++)
		*polls = (struct pollfd){ .fd = adoption->gifts[i].pidfd,
		    .events = POLLIN };
	return (nfds_t)(polls - adoption->polls);
}

static bool
has_clients(const struct listener *listener)
{
	struct pollfd poll_one = { .fd = listener->fd, .events = POLLIN };

	return poll(&poll_one, 1, 0) == 1 && (poll_one.revents & POLLIN) != 0;
}

static void
say_waiting(struct adoption *adoption, const struct listener *listener)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);
	const char *verb = adoption->notify == -1 ? "accept on" : "bind";
	char clients[48] = "", hint[2 * ADDR_MAX] = "", port[8];

	if (is_tcp(listener) && getsockopt(listener->fd, IPPROTO_TCP, TCP_INFO,
	    &info, &length) == 0)
		snprintf(clients, sizeof(clients), ", %u client%s queued",
		    info.tcpi_unacked, info.tcpi_unacked == 1 ? "" : "s");
	if (adoption->elsewhere[0] != '\0')
		snprintf(hint, sizeof(hint), "; it bound %s: try --map %s",
		    adoption->elsewhere,
		    strrchr(adoption->elsewhere, ':') + 1);
	snprintf(port, sizeof(port), "%u", listener->port);
	say(adoption->console, "still waiting for %s to %s %s (%d s%s)%s",
	    adoption->service, verb,
	    listener->host[0] != '\0' ? port : listener->addr,
	    PATIENCE / 1000, clients, hint);
}

static void
attend_waiting(struct adoption *adoption, size_t which)
{
	const struct listener *listener = &adoption->listeners->list[which];
	struct patience *patience = &adoption->patience[which];

	if (patience->since == 0)
		return;
	/* No event tells of an accept(2) at fd 3 but that nobody waits. */
	if (adoption->taken_at == 0 && !has_clients(listener))
		adoption->taken_at = process_clock();
	if (patience->settled || process_clock() - patience->since < PATIENCE)
		return;
	if (has_clients(listener)) {
		say_waiting(adoption, listener);
		patience->settled = true;
	} else
		patience->since = 0;
}

static void
end_gift(struct adoption *adoption, size_t which)
{
	struct gift *gift = &adoption->gifts[which];

	if (gift->number != -1 || gift->process ==
	    adoption->patience[gift->listener].left_to)
		listen_again(adoption, gift->listener);
	close(gift->pidfd);
	*gift = adoption->gifts[--adoption->gift_count];
}

void
adopt_attend(struct adoption *adoption)
{
	const struct pollfd *polls = adoption->polls + ADOPT_POLLS_BEFORE;
	struct listeners *listeners = adoption->listeners;
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		if ((polls[i].revents & POLLHUP) != 0)
			listen_again(adoption, i);
		else if ((polls[i].revents & POLLIN) != 0)
			adoption->patience[i].since = process_clock();
		attend_waiting(adoption, i);
	}
	polls += listeners->count;
	for (i = adoption->gift_count; i > 0; i--)
		if ((polls[i - 1].revents & POLLIN) != 0)
			end_gift(adoption, i - 1);
}

int
adopt_timeout(const struct adoption *adoption)
{
	const struct patience *patience = adoption->patience;
	int64_t waited, left, least = INT_MAX, now = process_clock();
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		if (patience[i].since == 0)
			continue;
		waited = now - patience[i].since;
		left = patience[i].settled ? least : PATIENCE - waited;
		/* Seldomer and seldomer, but never late by more than that. */
		if (adoption->taken_at == 0 && waited / 8 + 1 < left)
			left = waited / 8 + 1;
		if (left < least)
			least = left < 0 ? 0 : left;
	}
	return least == INT_MAX ? -1 : (int)least;
}

struct search {
	const struct adoption	*adoption;
	bool			 found;
};

static void
search_one(pid_t pid, pid_t parent, void *context)
{
	struct search *search = context;
	struct target target = { pid, pid };
	size_t i;

	(void)parent;
	for (i = 0; i < search->adoption->listeners->count; i++)
		if (uses(search->adoption, &target, i))
			search->found = true;
}

bool
adopt_is_held(const struct adoption *adoption)
{
	struct search search = { adoption, false };

	processes_visit(search_one, &search);
	return search.found;
}
