/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/tcp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/kept_options.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK		72	/* since 5.14 */
#endif
#ifndef SOCK_SNDBUF_LOCK
#define SOCK_SNDBUF_LOCK	1
#define SOCK_RCVBUF_LOCK	2
#endif

/* The kinds of sockets that have an option. */
enum {
	TCP = 1 << 0, DATAGRAM = 1 << 1, IPV6 = 1 << 2, UNIX = 1 << 3,
	IP = TCP | DATAGRAM,
	ANY = IP | UNIX
};

static const struct row {
	int	kinds;
	int	level, option;
	int	ipv4_option;	/* the same on an AF_INET socket; 0: none */
} rows[] = {
	{ TCP, SOL_SOCKET, SO_KEEPALIVE, 0 },
	{ ANY, SOL_SOCKET, SO_LINGER, 0 },
	{ ANY, SOL_SOCKET, SO_RCVTIMEO, 0 },
	{ ANY, SOL_SOCKET, SO_SNDTIMEO, 0 },
	{ ANY, SOL_SOCKET, SO_RCVBUF, 0 },
	{ ANY, SOL_SOCKET, SO_SNDBUF, 0 },
	{ DATAGRAM, SOL_SOCKET, SO_BROADCAST, 0 },
	{ UNIX, SOL_SOCKET, SO_PASSCRED, 0 },
	{ TCP, IPPROTO_TCP, TCP_NODELAY, 0 },
	{ TCP, IPPROTO_TCP, TCP_MAXSEG, 0 },
	{ TCP, IPPROTO_TCP, TCP_KEEPIDLE, 0 },
	{ TCP, IPPROTO_TCP, TCP_KEEPINTVL, 0 },
	{ TCP, IPPROTO_TCP, TCP_KEEPCNT, 0 },
	{ TCP, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0 },
	{ TCP, IPPROTO_TCP, TCP_FASTOPEN, 0 },
	{ TCP, IPPROTO_TCP, TCP_CONGESTION, 0 },
	{ TCP, IPPROTO_TCP, TCP_USER_TIMEOUT, 0 },
	{ IP, IPPROTO_IP, IP_TOS, 0 },
	{ IP, IPPROTO_IP, IP_TTL, 0 },
	{ IP, IPPROTO_IP, IP_TRANSPARENT, 0 },
	{ DATAGRAM, IPPROTO_IP, IP_PKTINFO, 0 },
	{ DATAGRAM, IPPROTO_IP, IP_RECVTOS, 0 },
	{ DATAGRAM, IPPROTO_IP, IP_RECVTTL, 0 },
	{ IPV6, IPPROTO_IPV6, IPV6_TCLASS, IP_TOS },
	{ IPV6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, IP_TTL },
	{ IPV6, IPPROTO_IPV6, IPV6_RECVPKTINFO, IP_PKTINFO },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct value {
	socklen_t	length;		/* 0: the socket has no such option */
	union {
		char	bytes[16];
		int	number;
	} is;
};

struct kept_options {
	struct value	list[ROWS];
};

/* What a new socket of a family and type has. */
struct option_kind {
	struct option_kind	*next;
	int			 family, type;
	struct kept_options	 options;
};

static int
kind_of(int family, int type)
{
	if (family == AF_UNIX)
		return UNIX;
	return (type == SOCK_DGRAM ? DATAGRAM : TCP) |
	    (family == AF_INET6 ? IPV6 : 0);
}

static void
read_value(int fd, const struct row *row, struct value *value)
{
	value->length = sizeof(value->is);
	if (getsockopt(fd, row->level, row->option, &value->is,
	    &value->length) == -1)
		value->length = 0;
}

static void
read_all(int fd, int kind, struct kept_options *options)
{
	size_t i;

	memset(options, 0, sizeof(*options));
	for (i = 0; i < ROWS; i++)
		if ((rows[i].kinds & kind) != 0)
			read_value(fd, &rows[i], &options->list[i]);
}

static bool
is_same(const struct value *a, const struct value *b)
{
	return a->length == b->length &&
	    memcmp(&a->is, &b->is, a->length) == 0;
}

static bool
are_same(const struct kept_options *a, const struct kept_options *b)
{
	size_t i = 0;

	while (i < ROWS && is_same(&a->list[i], &b->list[i]))
		i++;
	return i == ROWS;
}

/* Returns NULL if memory is short. */
static const struct kept_options *
find_standard(struct adoption *adoption, int family, int type)
{
	struct option_kind *kind;
	int fd;

	for (kind = adoption->kinds; kind != NULL; kind = kind->next)
		if (kind->family == family && kind->type == type)
			return &kind->options;
	kind = malloc(sizeof(*kind));
	if (kind == NULL)
		return NULL;
	fd = socket(family, type | SOCK_CLOEXEC, 0);
	kind->next = adoption->kinds;
	kind->family = family;
	kind->type = type;
	read_all(fd, kind_of(family, type), &kind->options);
	if (fd != -1)
		close(fd);
	adoption->kinds = kind;
	return &kind->options;
}

static const struct kept_options *
find_base(struct adoption *adoption, const struct listener *listener)
{
	const struct watch *watch = adoption_watch(adoption, listener);

	return watch->options != NULL ? watch->options :
	    find_standard(adoption, listener->address.any.sa_family,
	    listener->type);
}

static void
learn_base(struct adoption *adoption, const struct listener *listener)
{
	struct watch *watch = adoption_watch(adoption, listener);
	int family = listener->address.any.sa_family;
	const struct kept_options *standard = find_standard(adoption, family,
	    listener->type);
	struct kept_options read;

	if (standard == NULL || listener->fd == -1)
		return;
	read_all(listener->fd, kind_of(family, listener->type), &read);
	if (are_same(&read, standard))
		return;
	watch->options = malloc(sizeof(*watch->options));
	if (watch->options != NULL)
		*watch->options = read;
}

void
kept_options_begin(struct adoption *adoption)
{
	const struct listener *listener;
	struct watch *watch;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		listener = &adoption->listeners->list[i];
		watch = &adoption->watches[i];
		learn_base(adoption, listener);
		watch->flags = fcntl(listener->fd, F_GETFL);
		watch->share_port = adoption_has(listener, SO_REUSEPORT);
		watch->share_address = adoption_has(listener, SO_REUSEADDR);
	}
}

void
kept_options_restore_sharing(const struct adoption *adoption,
    const struct listener *listener)
{
	const struct watch *watch = adoption_watch(adoption, listener);
	int port = watch->share_port, address = watch->share_address;

	if (!watch->touched || listener_is_unix(listener))
		return;
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEPORT, &port,
	    sizeof(port));
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &address,
	    sizeof(address));
}

/* known is true if fd is a listener's socket that nobody has had. */
static void
copy_nonblock(int flags, const struct watch *watch, bool known, int fd)
{
	int now = known ? watch->flags : fcntl(fd, F_GETFL);

	if (((flags ^ now) & O_NONBLOCK) != 0)
		fcntl(fd, F_SETFL, now ^ O_NONBLOCK);
}

/* The kernel does not resize a buffer that is locked. */
static void
unlock_buffer(int fd, int lock)
{
	int locks;
	socklen_t length = sizeof(locks);

	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locks, &length) == -1)
		return;
	locks &= ~lock;
	setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locks, sizeof(locks));
}

/* standard: the value is that of a new socket. */
static void
set_value(int fd, const struct row *row, struct value value, bool standard)
{
	int lock = row->level != SOL_SOCKET ? 0 :
	    row->option == SO_RCVBUF ? SOCK_RCVBUF_LOCK :
	    row->option == SO_SNDBUF ? SOCK_SNDBUF_LOCK : 0;

	/* The kernel doubles the size that is set: socket(7). */
	if (lock != 0)
		value.is.number /= 2;
	/* Reads as 536 where nothing is set; 0 sets nothing again. */
	if (row->level == IPPROTO_TCP && row->option == TCP_MAXSEG && standard)
		value.is.number = 0;
	if (setsockopt(fd, row->level, row->option, &value.is,
	    value.length) == -1 && row->ipv4_option != 0)
		setsockopt(fd, IPPROTO_IP, row->ipv4_option, &value.is,
		    value.length);
	if (lock != 0 && standard)
		unlock_buffer(fd, lock);
}

void
kept_options_hand_over(struct adoption *adoption, struct listener *listener,
    int from, int flags, int family, int type, int to)
{
	const struct kept_options *standard = find_standard(adoption, family,
	    type), *base = find_base(adoption, listener);
	struct watch *watch = adoption_watch(adoption, listener);
	const struct value *wanted;
	struct value set, now;
	bool known = !watch->touched && to == listener->fd;
	int kind = kind_of(family, type);
	size_t i;

	copy_nonblock(flags, watch, known, to);
	if (to == listener->fd)
		watch->touched = true;
	if (standard == NULL || base == NULL)
		return;
	for (i = 0; i < ROWS; i++) {
		if ((rows[i].kinds & kind) == 0)
			continue;
		read_value(from, &rows[i], &set);
		wanted = from == -1 || is_same(&set, &standard->list[i]) ?
		    &base->list[i] : &set;
		if (known)
			now = base->list[i];
		else
			read_value(to, &rows[i], &now);
		if (wanted->length != 0 && !is_same(wanted, &now))
			set_value(to, &rows[i], *wanted,
			    is_same(wanted, &standard->list[i]));
	}
}
