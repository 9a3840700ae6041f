#ifndef LISTENER_H
#define LISTENER_H

/*
 * Listening sockets, and the sockets and paths that go with them.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "socket/address.h"
#include "socket/spec.h"

enum {
	FIRST_FD = 3		/* SD_LISTEN_FDS_START of sd_listen_fds(3) */
};

struct listener {
	char		 name[SPEC_NAME_MAX + 1];	/* in LISTEN_FDNAMES */
	int		 type;		/* SOCK_STREAM, ... */
	union address	 address;	/* as getsockname(2) says */
	socklen_t	 length;
	unsigned	 port;		/* 0 for unix */
	char		 host[HOST_MAX];	/* "" for unix */
	char		 addr[ADDR_MAX];	/* for a URL; a path; or "" */
	int		 fd;		/* owned; close-on-exec */
	int		 reserve;	/* owned; close-on-exec; -1: none */
	int		 backlog;
	bool		 inherited;	/* was passed to portexec itself */
	dev_t		 device;	/* of its unix path, */
	ino_t		 inode;		/* 0: it has none */
};

struct listeners {
	struct listener	*list;		/* owned; list[i] is for fd 3 + i */
	size_t		 count;
};

/*
 * Returns a new socket, close-on-exec, at 3 or above: a standard descriptor
 * that the caller had closed stays closed.  type may have SOCK_NONBLOCK.  Or
 * -1 and errno.
 */
int	socket_open(int family, int type);

/*
 * Removes the path of a unix address where it is a socket on which
 * connect(2) says ECONNREFUSED: nobody holds that socket any more.
 */
void	socket_remove_stale_path(const union address *address,
    socklen_t length, int type);

/* Fills in port, host and addr from address and length. */
void	listener_describe(struct listener *listener);

/* Whether the listener has a path or a name, not an IP address and a port. */
bool	listener_is_unix(const struct listener *listener);

/*
 * The socket of that name, or of that number from 0, or the first where
 * text is NULL; NULL where there is none.
 */
const struct listener	*listeners_find(const struct listeners *listeners,
    const char *text, size_t length);

/* Asks getsockname(2) for address and length, and describes.  0, or -1. */
int	listener_learn_address(struct listener *listener);

/* Stores device and inode of the listener's unix path, if it has one. */
void	listener_remember_path(struct listener *listener);

/*
 * Appends a listener without sockets, whose members are zero.  Returns it; it
 * moves when another is appended.  NULL without memory.
 */
struct listener	*listeners_append(struct listeners *listeners);

/*
 * Takes all from number count off the list: closes their sockets, and removes
 * the paths that they made.
 */
void	listeners_truncate(struct listeners *listeners, size_t count);

/*
 * Whether the unix path of the listener is gone, or is another's: then no
 * client can come by it.
 */
bool	listener_lost_path(const struct listener *listener);

/* listen(2) on all that can and were not inherited.  0, or -1. */
int	listeners_listen(struct listeners *listeners, struct failure *failure);

/* Closes all sockets; the list and the paths stay. */
void	listeners_close(struct listeners *listeners);

/*
 * Closes all sockets and frees the list; and unless a service ran, removes
 * the paths that they made.
 */
void	listeners_discard(struct listeners *listeners, bool ran);

#endif
