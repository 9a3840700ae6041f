#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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
#include "process.h"
#include "procfs.h"
#include "target.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV	(1UL << 5)	/* 5.19 */
#endif

enum { PATIENCE = 3000 };	/* ms that clients wait before it is said */

/* How long a listener's clients have waited for the service to take it. */
struct patience {
	int64_t	since;		/* on process_clock(); 0: no client waits */
	bool	settled;	/* bound, given up, or said that it is not */
};

/* A listener that a process has taken. */
struct gift {
	pid_t		process;
	int		pidfd;		/* owned */
	size_t		listener;	/* its number */
	int		number;		/* the descriptor that it replaced */
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

/* Options that still matter on a socket that listens, or receives. */
static const struct kept_option {
	int	level, option;
	int	ipv4_option;	/* the same on an AF_INET socket; 0: none */
} kept_options[] = {
	{ SOL_SOCKET, SO_KEEPALIVE, 0 },
	{ SOL_SOCKET, SO_LINGER, 0 },
	{ SOL_SOCKET, SO_RCVTIMEO, 0 },
	{ SOL_SOCKET, SO_SNDTIMEO, 0 },
	{ SOL_SOCKET, SO_RCVBUF, 0 },
	{ SOL_SOCKET, SO_SNDBUF, 0 },
	{ SOL_SOCKET, SO_BROADCAST, 0 },
	{ SOL_SOCKET, SO_PASSCRED, 0 },
	{ IPPROTO_TCP, TCP_NODELAY, 0 },
	{ IPPROTO_TCP, TCP_MAXSEG, 0 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 0 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 0 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 0 },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 0 },
	{ IPPROTO_TCP, TCP_FASTOPEN, 0 },
	{ IPPROTO_TCP, TCP_CONGESTION, 0 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0 },
	{ IPPROTO_IP, IP_TOS, 0 },
	{ IPPROTO_IP, IP_TTL, 0 },
	{ IPPROTO_IP, IP_TRANSPARENT, 0 },
	{ IPPROTO_IP, IP_PKTINFO, 0 },
	{ IPPROTO_IP, IP_RECVTOS, 0 },
	{ IPPROTO_IP, IP_RECVTTL, 0 },
	{ IPPROTO_IPV6, IPV6_TCLASS, IP_TOS },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, IP_TTL },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, IP_PKTINFO },
};

static const int probe_of_memory = 0x70657865;

size_t
adopt_filter(struct sock_filter filter[ADOPT_FILTER_MAX], bool with_unix)
{
	/* Shorter addresses than these cannot be one of ours. */
	uint32_t shortest = with_unix ? 3 : sizeof(struct sockaddr_in);
	uint32_t low = offsetof(struct seccomp_data, args[2]) +
	    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	struct sock_filter instructions[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ADOPT_ARCH, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bind, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, shortest, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	_Static_assert(sizeof(instructions) / sizeof(instructions[0]) <=
	    ADOPT_FILTER_MAX, "the filter outgrew its room");
	memcpy(filter, instructions, sizeof(instructions));
	return sizeof(instructions) / sizeof(instructions[0]);
}

int
adopt_install(bool with_unix, bool *killable, bool *privileged)
{
	struct sock_filter filter[ADOPT_FILTER_MAX];
	struct sock_fprog program = {
		(unsigned short)adopt_filter(filter, with_unix), filter
	};
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
	    SECCOMP_FILTER_FLAG_SPEC_ALLOW |
	    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	int fd;

	if (ADOPT_ARCH == 0) {
		errno = ENOSYS;
		return -1;
	}
	*privileged = true;
	for (;;) {
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
		    &program);
		*killable = (flags &
		    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0;
		if (fd == -1 && errno == EINVAL && *killable)
			flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
		else if (fd == -1 && errno == EACCES && *privileged) {
			*privileged = false;
			if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
				return -1;
		} else
			return fd;
	}
}

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
		if (adoption->gifts[i].listener == listener)
			return true;
	return false;
}

/*
 * A process that we cannot look into is to bind the number itself: the
 * reserve lets it, as long as nothing of ours listens.
 */
static void
yield_to_unreadable(struct adoption *adoption, const struct target *target)
{
	struct listener *listener;
	size_t i;

	say_detail(adoption->console, "process %d cannot be read: %s",
	    target->process, strerror(errno));
	for (i = 0; i < adoption->listeners->count; i++) {
		listener = &adoption->listeners->list[i];
		if (listener->reserve != -1 && !is_taken(adoption, i))
			end_listening(adoption, i);
	}
}

/* Learns type and protocol from the socket itself, else from its name. */
static void
examine_socket(struct call *call)
{
	struct request *request = &call->request;
	int protocol = -1;
	socklen_t length = sizeof(int);
	char name[32];

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
	if (strncmp(name, "MPTCP", 5) == 0)
		memmove(name, name + 2, strlen(name + 2) + 1);
	if (strncmp(name, "TCP", 3) == 0 || strncmp(name, "UDP", 3) == 0) {
		request->type = name[0] == 'T' ? SOCK_STREAM : SOCK_DGRAM;
		request->family = strcmp(name + 3, "v6") == 0 ? AF_INET6 :
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
	size_t length = (uint32_t)arguments[2];

	if (!target_identify(&call->target, (pid_t)notification->pid))
		return false;
	if (length > sizeof(struct sockaddr_storage))
		return false;
	if (length > sizeof(request->address))
		length = sizeof(request->address);
	request->length = (socklen_t)length;
	if (target_read(&call->target, arguments[1], &request->address,
	    length) == -1) {
		if (errno != EFAULT && errno != ESRCH)
			yield_to_unreadable(adoption, &call->target);
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

/* Carries over what the service has set, told by a new socket of the kind. */
static void
keep_options(int from, int to, int family, int type)
{
	union {
		char	bytes[64];
		int	number;
	} set, standard;
	socklen_t set_length, standard_length;
	const struct kept_option *kept;
	int fresh = socket(family, type | SOCK_CLOEXEC, 0);
	size_t i;

	for (i = 0; i < sizeof(kept_options) / sizeof(kept_options[0]); i++) {
		kept = &kept_options[i];
		set_length = standard_length = sizeof(set);
		if (getsockopt(from, kept->level, kept->option, &set,
		    &set_length) == -1 ||
		    getsockopt(fresh, kept->level, kept->option, &standard,
		    &standard_length) == -1 ||
		    (set_length == standard_length &&
		    memcmp(&set, &standard, set_length) == 0))
			continue;
		/* The kernel doubles what it is given: socket(7). */
		if (kept->level == SOL_SOCKET && (kept->option == SO_RCVBUF ||
		    kept->option == SO_SNDBUF))
			set.number /= 2;
		if (setsockopt(to, kept->level, kept->option, &set,
		    set_length) == -1 && kept->ipv4_option != 0)
			setsockopt(to, IPPROTO_IP, kept->ipv4_option, &set,
			    set_length);
	}
	if (fresh != -1)
		close(fresh);
}

/* Another socket in the listener's place has what -l asked for. */
static void
keep_own_options(const struct listener *listener, int fd)
{
	int shared = 0;
	socklen_t length = sizeof(shared);

	keep_options(listener->fd, fd, listener->address.any.sa_family,
	    listener->type);
	getsockopt(listener->fd, SOL_SOCKET, SO_REUSEPORT, &shared, &length);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared));
}

static int
bind_loopback(const struct listener *listener, int family, unsigned port)
{
	union address address = { .any = { .sa_family = (sa_family_t)family } };
	int fd, on = 1;

	fd = socket(family, listener->type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	keep_own_options(listener, fd);
	if (family == AF_INET6) {
		address.in6.sin6_addr = in6addr_loopback;
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	} else
		address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener->type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	address_set_port(&address, port);
	if (bind(fd, &address.any, family == AF_INET6 ?
	    sizeof(address.in6) : sizeof(address.in)) == 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * A second socket for a process that binds a second address: two accept
 * loops on one open file would block or starve each other.  Where the
 * listener is on every address this one is at a number that nobody knows.
 * One for datagrams is of the family that was asked for: they are answered
 * through it.
 */
static int
make_companion(const struct listener *listener, int family)
{
	int fd;

	if (listener->type == SOCK_DGRAM) {
		fd = bind_loopback(listener, family, listener->port);
		return fd != -1 ? fd : bind_loopback(listener, family, 0);
	}
	fd = bind_loopback(listener, AF_INET6, listener->port);
	if (fd == -1)
		fd = bind_loopback(listener, AF_INET, listener->port);
	if (fd == -1)
		fd = bind_loopback(listener, AF_INET, 0);
	return fd;
}

static int
set_reuse(int fd, int value)
{
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value));
}

/*
 * A service that asked for an AF_INET6 socket could not answer on an
 * AF_INET one.  The old socket, of which the service may have a copy, is
 * connected to itself, so that nothing arrives there any more; so it must
 * not be its giver's.
 */
static int
become_ipv6(struct listener *listener)
{
	union address mapped = { .in6 = { .sin6_family = AF_INET6 } };
	int fd, off = 0;

	fd = socket(AF_INET6, listener->type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	keep_own_options(listener, fd);
	mapped.in6.sin6_port = listener->address.in.sin_port;
	mapped.in6.sin6_addr.s6_addr[10] = 0xff;
	mapped.in6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&mapped.in6.sin6_addr.s6_addr[12],
	    &listener->address.in.sin_addr, 4);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (set_reuse(listener->fd, 1) == -1 || set_reuse(fd, 1) == -1 ||
	    bind(fd, &mapped.any, sizeof(mapped.in6)) == -1) {
		set_reuse(listener->fd, 0);
		close(fd);
		return -1;
	}
	set_reuse(listener->fd, 0);
	set_reuse(fd, 0);
	(void)connect(listener->fd, &listener->address.any, listener->length);
	close(listener->fd);
	listener->fd = fd;
	listener->address = mapped;
	listener->length = sizeof(mapped.in6);
	return 0;
}

/* One registration of the service's socket with an epoll instance. */
struct registration {
	int			epoll, number;
	struct epoll_event	event;
};

static size_t
read_registrations(const struct target *target, int epoll, ino_t inode,
    const struct descriptor *list, size_t count,
    struct registration **registrations, size_t have)
{
	struct registration registration = { .epoll = epoll }, *grown;
	unsigned long long number, events, data;
	char line[256];
	FILE *file;
	size_t i;

	file = procfs_open("%d/fdinfo/%d", target->thread, epoll);
	if (file == NULL)
		return have;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "tfd:", 4) != 0 ||
		    !procfs_number(line, 1, 10, &number) ||
		    !procfs_number(line, 3, 16, &events) ||
		    !procfs_number(line, 5, 16, &data))
			continue;
		registration.number = (int)number;
		registration.event.events = (uint32_t)events;
		registration.event.data.u64 = data;
		for (i = 0; i < count; i++)
			if (list[i].number == registration.number &&
			    list[i].socket == inode)
				break;
		grown = i == count ? NULL : reallocarray(*registrations,
		    have + 1, sizeof(*grown));
		if (grown == NULL)
			continue;
		*registrations = grown;
		grown[have++] = registration;
	}
	fclose(file);
	return have;
}

/*
 * epoll knows a file by its number as well: the registration is made with
 * our socket at the service's number, in a process whose numbers are free.
 */
static void
repair_registrations(const struct target *target, int old, int fd,
    const struct registration *registrations, size_t count)
{
	struct epoll_event event;
	int epoll, number, ours, theirs;
	size_t i;
	pid_t child;

	if (count == 0 || (child = fork()) == -1)
		return;
	if (child > 0) {
		waitpid(child, NULL, 0);
		return;
	}
	for (i = 0; i < count; i++) {
		number = registrations[i].number;
		event = registrations[i].event;
		epoll = target_copy(target, registrations[i].epoll);
		epoll = fcntl(epoll, F_DUPFD, number + 1);
		theirs = fcntl(old, F_DUPFD, number + 1);
		ours = fcntl(fd, F_DUPFD, number + 1);
		/* The old socket lives on where another process has it. */
		if (dup2(theirs, number) != -1)
			epoll_ctl(epoll, EPOLL_CTL_DEL, number, NULL);
		if (dup2(ours, number) != -1)
			epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event);
		old = theirs;
		fd = ours;
	}
	_exit(0);
}

static int
replace_descriptor(const struct adoption *adoption, const struct call *call,
    const struct descriptor *old, int fd)
{
	struct seccomp_notif_addfd replacement = {
		.id = call->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)old->number,
		.newfd_flags = (uint32_t)(old->flags & O_CLOEXEC),
	};

	return ioctl(adoption->notify, SECCOMP_IOCTL_NOTIF_ADDFD,
	    &replacement) == -1 ? -1 : 0;
}

/* Puts fd in place of the service's socket, wherever the process has it. */
static int
replace_socket(const struct adoption *adoption, const struct call *call,
    int fd)
{
	struct registration *registrations = NULL;
	struct descriptor *list;
	size_t i, known = 0, count = target_descriptors(&call->target, &list);
	int status;

	for (i = 0; i < count; i++)
		if (list[i].epoll)
			known = read_registrations(&call->target,
			    list[i].number, call->socket.socket, list, count,
			    &registrations, known);
	status = replace_descriptor(adoption, call, &call->socket, fd);
	for (i = 0; status == 0 && i < count; i++)
		if (list[i].socket == call->socket.socket &&
		    list[i].number != call->socket.number)
			replace_descriptor(adoption, call, &list[i], fd);
	if (status == 0)
		repair_registrations(&call->target, call->copy, fd,
		    registrations, known);
	free(registrations);
	free(list);
	return status;
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
	struct gift *gifts, *former;

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
	if (make_room(adoption, adoption->gift_count + 1) == -1)
		return;
	gifts = reallocarray(adoption->gifts, adoption->gift_count + 1,
	    sizeof(*gifts));
	if (gifts == NULL)
		return;
	adoption->gifts = gifts;
	gifts[adoption->gift_count++] = (struct gift){
	    call->target.process, target_open(&call->target), listener,
	    call->socket.number, call->request.address };
}

static void
describe(const struct request *request, char *text, size_t size)
{
	struct listener asked = { .address = request->address,
	    .length = request->length };

	listener_describe(&asked);
	strlcpy(text, asked.addr, size);
}

/* Returns whether the call was given listener's socket, or one for it. */
static bool
give(struct adoption *adoption, const struct call *call, size_t which)
{
	struct listener *listener = &adoption->listeners->list[which];
	char asked[ADDR_MAX];
	int fd, flags, status;
	bool companion;

	companion = find_gift(adoption, call, which, false) != NULL &&
	    uses(adoption, &call->target, which);
	if (!companion && listener->type == SOCK_DGRAM &&
	    call->request.family == AF_INET6 &&
	    listener->address.any.sa_family == AF_INET &&
	    (listener->inherited || become_ipv6(listener) == -1))
		return false;
	fd = companion ? make_companion(listener, call->request.family) :
	    listener->fd;
	if (fd == -1)
		return false;
	if (call->copy != -1)
		keep_options(call->copy, fd, call->request.family,
		    call->request.type);
	flags = fcntl(fd, F_GETFL);
	if (((flags ^ call->socket.flags) & O_NONBLOCK) != 0)
		fcntl(fd, F_SETFL, flags ^ O_NONBLOCK);
	status = replace_socket(adoption, call, fd);
	if (companion)
		close(fd);
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
	struct listener *listener;
	size_t i;

	if (request->type == SOCK_STREAM && request->standard &&
	    request->same_network && address_port(&request->address) != 0) {
		describe(request, adoption->elsewhere,
		    sizeof(adoption->elsewhere));
		say_detail(adoption->console, "process %d bound %s itself",
		    call->target.process, adoption->elsewhere);
	}
	for (i = 0; i < adoption->listeners->count; i++) {
		listener = &adoption->listeners->list[i];
		if (request->family == AF_UNIX && listener->fd != -1 &&
		    listener_lost_path(listener)) {
			say_detail(adoption->console, "process %d binds %s "
			    "itself", call->target.process, listener->addr);
			end_listening(adoption, i);
		}
	}
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
	bool curious;
	size_t i;

	/* A unix socket that was shut down would never cease to say so. */
	for (i = 0; i < adoption->listeners->count; i++, polls++) {
		curious = !patience[i].settled && patience[i].since == 0;
		*polls = (struct pollfd){ .fd = curious ||
		    (is_tcp(&list[i]) && adoption->notify != -1) ?
		    list[i].fd : -1, .events = curious ? POLLIN : 0 };
	}
	for (i = 0; i < adoption->gift_count; i++, polls++)
		*polls = (struct pollfd){ .fd = adoption->gifts[i].pidfd,
		    .events = POLLIN };
	return (nfds_t)(polls - adoption->polls);
}

static void
listen_again(struct adoption *adoption, size_t which)
{
	struct listener *listener = &adoption->listeners->list[which];

	if (!can_listen(listener))
		return;
	if (adoption->notify == -1)	/* it is the service's own */
		adoption->patience[which].settled = true;
	else if (listen(listener->fd, listener->backlog) == -1)
		end_listening(adoption, which);
	else
		say_detail(adoption->console, "listening on %s again",
		    listener->addr);
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
