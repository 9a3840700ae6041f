/* SPDX-License-Identifier: ISC */
#ifndef LISTEN_FDS_H
#define LISTEN_FDS_H

/*
 * The protocol of sd_listen_fds(3): its variables, and the sockets that the
 * caller passed to portexec.
 */

#include <sys/types.h>

#include <stdint.h>

#include "socket/listener.h"

enum { LISTEN_FDS_VARIABLES = 7 };	/* variables of the protocol */

/* The process for which LISTEN_* is meant. */
struct identity {
	pid_t		pid;
	uint64_t	pidfd_id;	/* for LISTEN_PIDFDID; 0: none */
};

/*
 * Returns the identity of this process: its pid, and the inode number of its
 * pidfd.  Only on pidfs (Linux 6.9) is that number unique to the process; it
 * stays the same after execve(2).  Elsewhere pidfd_id is 0.
 */
struct identity	listen_fds_identify(void);

/*
 * Reads from variables, an environ(7), which sockets are passed to self.
 * LISTEN_PID must be the pid of self, and LISTEN_PIDFDID its pidfd_id unless
 * it is absent.  Stores the number of sockets in *count: 0 if none is passed.
 * Stores their names in *names, one piece of memory to be freed with free(3);
 * NULL if none is passed.  An empty name becomes "unknown".  So do all names
 * if LISTEN_FDNAMES has another count than LISTEN_FDS.  Returns 0, or -1 with
 * the reason in failure: no memory.
 */
int	listen_fds_inherited(char *const variables[],
    const struct identity *self, size_t *count, char ***names,
    struct failure *failure);

/*
 * Returns the process that the socket at FIRST_FD is for, by LISTEN_PID in
 * variables, if that is another than self; else 0.  Also 0 if no socket is
 * there that listens or takes datagrams.
 */
pid_t	listen_fds_addressee(char *const variables[],
    const struct identity *self);

/*
 * Returns the variable's name if the length bytes at name are a variable of
 * the protocol that describes passed sockets; else NULL.  Only portexec sets
 * those: -e may not.
 */
const char	*listen_fds_reserved(const char *name, size_t length);

/* Returns whether variable, "NAME=value", belongs to the protocol. */
bool	listen_fds_is_variable(const char *variable);

/* Returns whether variable, "NAME=value", has that name. */
bool	variable_is_named(const char *variable, const char *name);

/*
 * Checks that each descriptor that one of count specs names by fd:N is an open
 * socket, and sets close-on-exec on it.  Has to come before portexec opens a
 * descriptor, which might get that number.  One that is among listeners already
 * gets the spec's name, unless that is "unknown", and the spec is removed.
 * Returns 0, or -1 with the reason in failure.
 */
int	listeners_claim(struct listeners *listeners, struct spec *specs,
    size_t *count, struct failure *failure);

/*
 * Appends the socket at fd, with that name, as one that was inherited, and sets
 * close-on-exec on it.  Returns 0, or -1 with the reason in failure.
 */
int	listeners_inherit_one(struct listeners *listeners, int fd,
    const char *name, struct failure *failure);

/*
 * Appends the count sockets that the caller passed at fds 3 and up, and sets
 * close-on-exec on them.  names[i] is the name of fd 3 + i.  Returns 0, or -1
 * with the reason in failure.  If one of them is not a socket, nothing is
 * appended.
 */
int	listeners_inherit(struct listeners *listeners, size_t count,
    char *const names[], struct failure *failure);

#endif
