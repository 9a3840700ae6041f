#ifndef LISTEN_FDS_H
#define LISTEN_FDS_H

/*
 * The protocol of sd_listen_fds(3): which variables it has, and which sockets
 * portexec itself was passed by it.
 */

#include <sys/types.h>

#include <stdint.h>

#include "socket/listener.h"

enum { LISTEN_FDS_VARIABLES = 7 };	/* of the protocol, in all */

/* Who will read LISTEN_*. */
struct identity {
	pid_t		pid;
	uint64_t	pidfd_id;	/* 0: there is none */
};

/*
 * This process: its pid, and the inode number of its pidfd where that is
 * unique to the process, on pidfs (Linux 6.9), the same after exec.
 */
struct identity	listen_fds_identify(void);

/*
 * Whether variables, an environ(7), pass sockets to self: LISTEN_PID is its
 * pid, LISTEN_PIDFDID is its own or absent.  Stores their number, and their
 * names in one piece of memory that the caller frees; an empty name, and all
 * where the counts differ, are "unknown".  *count is 0 where nothing
 * is passed.  Returns 0, or -1 without memory.
 */
int	listen_fds_inherited(char *const variables[],
    const struct identity *self, size_t *count, char ***names,
    struct failure *failure);

/*
 * The variable of those that name passed sockets, so portexec's alone to
 * set, whose name is the length bytes at name; or NULL.
 */
const char	*listen_fds_reserved(const char *name, size_t length);

/* Whether variable, "NAME=value", is one of the protocol's. */
bool	listen_fds_is_variable(const char *variable);

/* Whether variable, "NAME=value", has that name. */
bool	variable_is_named(const char *variable, const char *name);

/*
 * Appends the sockets that portexec was passed itself, at fds 3 and up,
 * names[i] being the name of fd 3 + i.  Fails, with nothing appended, where
 * one of them is not a socket.
 */
int	listeners_inherit(struct listeners *listeners, size_t count,
    char *const names[], struct failure *failure);

#endif
