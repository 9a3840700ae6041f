/* SPDX-License-Identifier: ISC */
#ifndef LISTENER_H
#define LISTENER_H

/*
 * The list of listeners: sockets that listen, or take datagrams, each with
 * its reserve socket and its unix path.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "socket/address.h"
#include "socket/spec.h"

enum { LABEL_MAX = SPEC_NAME_MAX + 3 };	/* bytes; of listener_label() */

struct listener {
	char		 name[SPEC_NAME_MAX + 1];	/* in LISTEN_FDNAMES */
	int		 type;		/* SOCK_STREAM, ... */
	union address	 address;	/* from getsockname(2) */
	socklen_t	 length;	/* bytes of address */
	unsigned	 port;		/* 0 for unix */
	char		 host[HOST_MAX];	/* "" for unix */
	char		 addr[ADDR_MAX];	/* of address_format() */
	int		 fd;		/* owned; close-on-exec */
	ino_t		 socket;	/* inode of fd, in the keeper */
	int		 reserve;	/* of bind.h; owned; -1: none */
	int		 backlog;	/* for listen(2) */
	bool		 inherited;	/* the caller passed it to portexec */
	bool		 optional;	/* as in its spec: ::1 of localhost */
	dev_t		 device;	/* of its unix path */
	ino_t		 inode;		/* of its unix path; 0: no path */
};

struct listeners {
	struct listener	*list;		/* owned; list[i] becomes fd 3 + i */
	size_t		 count;
};

/*
 * Returns a new socket, close-on-exec, at FIRST_FD or above: a standard
 * descriptor that the caller closed stays closed.  type may include
 * SOCK_NONBLOCK.  Returns -1 and errno if it fails.
 */
int	socket_open(int family, int type);

/*
 * Removes the path of a unix address if it is a socket and connect(2) to it,
 * with that type, says ECONNREFUSED.  The kernel says so when no process has
 * the socket open any more; but also of a stream socket that is bound and
 * does not listen, or was shut down (unix_stream_connect() in the kernel's
 * net/unix/af_unix.c).
 */
void	socket_remove_stale_path(const union address *address,
    socklen_t length, int type);

/* Sets port, host and addr from address and length. */
void	listener_describe(struct listener *listener);

/*
 * Stores in label what a line about the listener begins with, and returns it:
 * "web: " if the socket has a name, else "".
 */
const char	*listener_label(const struct listener *listener,
    char label[LABEL_MAX]);

/* Returns whether the listener is a unix socket, not an IP socket. */
bool	listener_is_unix(const struct listener *listener);

/* Returns whether any of the listeners is a unix socket. */
bool	listeners_have_unix(const struct listeners *listeners);

/*
 * Returns whether any of the listeners has a unix path that is relative to the
 * working directory.
 */
bool	listeners_need_directory(const struct listeners *listeners);

/*
 * Returns the listener that text, of length bytes, means: the first with that
 * name, else the one with that index, counted from 0.  If text is NULL,
 * returns the first of the list.  Returns NULL if there is no such listener.
 */
const struct listener	*listeners_find(const struct listeners *listeners,
    const char *text, size_t length);

/*
 * Sets address and length by getsockname(2), then does listener_describe().
 * Returns 0, or -1 and errno.
 */
int	listener_learn_address(struct listener *listener);

/* Sets device and inode from the listener's unix path, if it has one. */
void	listener_remember_path(struct listener *listener);

/*
 * Appends a listener whose fd and reserve are -1 and whose other members are
 * zero.  Returns it, or NULL and errno ENOMEM.  The pointer is valid until the
 * next listener is appended.
 */
struct listener	*listeners_append(struct listeners *listeners);

/*
 * Cuts the list down to count listeners.  Closes the sockets of the others and
 * removes the unix paths that portexec made for them.
 */
void	listeners_truncate(struct listeners *listeners, size_t count);

/*
 * Returns whether the unix path of the listener was removed or replaced: then
 * no client can reach the listener by it.
 */
bool	listener_lost_path(const struct listener *listener);

/*
 * Calls listen(2) on every listener, except datagram sockets, those that were
 * inherited, and, unless optional is true, optional ones.  Returns 0, or -1
 * with the reason in failure.
 */
int	listeners_listen(struct listeners *listeners, bool optional,
    struct failure *failure);

/* Closes all sockets.  The list and the unix paths stay. */
void	listeners_close(struct listeners *listeners);

/*
 * Closes all sockets and frees the list.  If ran is false, also removes the
 * unix paths that portexec made; if it is true, they belong to the service.
 */
void	listeners_discard(struct listeners *listeners, bool ran);

#endif
