#ifndef LISTENER_H
#define LISTENER_H

/*
 * Endpoints made into sockets that hold a port number or a path.
 *
 * A TCP number is taken in two steps.  A reserve socket on [::], bound but
 * never listening, takes a number that is free on every address; then the
 * listening socket is bound to that number explicitly, so that it keeps it
 * through a shutdown(2).  Both have SO_REUSEADDR, without which they would
 * exclude each other (socket(7); inet_csk_get_port() in the kernel's
 * net/ipv4/inet_connection_sock.c).
 */

#include <sys/types.h>

#include "endpoint.h"

enum {
	FIRST_FD = 3		/* SD_LISTEN_FDS_START of sd_listen_fds(3) */
};

struct listener {
	char		 name[ENDPOINT_NAME_MAX + 1];	/* in LISTEN_FDNAMES */
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

/* Fills in port, host and addr from address and length. */
void	listener_describe(struct listener *listener);

/* Whether the listener has a path or a name, not an IP address and a port. */
bool	listener_is_unix(const struct listener *listener);

/*
 * Appends the sockets that portexec was passed itself, at fds 3 and up,
 * names[i] being the name of fd 3 + i.  Fails, with nothing appended, where
 * one of them is not a socket.
 */
int	listeners_inherit(struct listeners *listeners, size_t count,
    char *const names[], struct failure *failure);

/*
 * Appends a bound socket for each endpoint; nothing listens yet.  No socket
 * takes a number below 3.  A unix path is there from now on, with its
 * permissions; one that was left by a socket which nobody holds any more is
 * replaced.  Returns 0, or -1 with the reason in failure: then what has
 * been appended is for listeners_discard().
 */
int	listeners_bind(struct listeners *listeners,
    const struct endpoint *endpoints, size_t count, struct failure *failure);

/*
 * The socket of that name, or of that number from 0, or the first where
 * text is NULL; NULL where there is none.
 */
const struct listener	*listeners_find(const struct listeners *listeners,
    const char *text, size_t length);

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
