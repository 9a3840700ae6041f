/* SPDX-License-Identifier: ISC */
#ifndef CALLER_H
#define CALLER_H

/*
 * What the kernel shows of a process that called bind(): its memory, its
 * descriptors, its namespace.  Reading only.
 */

#include <sys/stat.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "process/procfs.h"

struct caller {
	pid_t	thread;		/* the thread that called bind() */
	pid_t	process;	/* its process */
	int	pidfd;		/* of process; owned; -1: none */
};

/* One open descriptor of a process. */
struct descriptor {
	int	fd;
	bool	same;		/* the socket that is looked for */
	bool	epoll;		/* an epoll instance */
};

/* All descriptors of a process, one after another. */
struct descriptors {
	const struct caller	*caller;
	int			 ours;	/* the socket that is looked for */
	ino_t			 inode;	/* of that socket */
	struct procfs		 folder;
	bool			 hidden;	/* no permission to see any */
	/* Those below end are compared with ours; end is 0 if none is. */
	pid_t			 self;
	int			 next;	/* the lowest that was not compared */
	int			 end;
	int			 count;	/* so many are open */
	int			 found;	/* so many were found by that */
};

/*
 * Stores the thread, its process and the process's pidfd, close-on-exec, if
 * there is one.  caller_close() closes it.  Returns false if the thread is
 * gone.
 */
bool	caller_identify(struct caller *caller, pid_t thread);
void	caller_close(struct caller *caller);

/*
 * Returns a pidfd of the process, close-on-exec, which the calling function
 * closes; or -1.  The first time it is the caller's own.
 */
int	caller_take_pidfd(struct caller *caller);

/*
 * Copies length bytes at address in the process to buffer.  Returns 0, or -1
 * and errno of process_vm_readv(2).  EFAULT: the address is bad.  ESRCH: the
 * process is gone.  Any other: reading is not permitted, or not possible.
 */
int	caller_read(const struct caller *caller, unsigned long long address,
    void *buffer, size_t length);

/*
 * Returns the inode number of a thread's network namespace (namespaces(7)), or
 * 0 if it is unknown.  Two threads with the same number share the namespace.
 */
ino_t	caller_network(pid_t thread);

/*
 * Returns the inode number of the socket that is the process's descriptor fd,
 * or 0 if it is none.
 */
ino_t	caller_socket(const struct caller *caller, int fd);

/*
 * Returns the flags of the process's descriptor fd, those of F_GETFL and
 * O_CLOEXEC; 0 if they are unknown.
 */
int	caller_flags(const struct caller *caller, int fd);

/*
 * Begins with the descriptors of the process, to look for a socket among them.
 * ours is the keeper's descriptor of the socket, -1 if it has none; inode is
 * the socket's inode number.  caller_next_descriptor() stores the next one, and
 * returns false when there is none left, or they cannot be seen.
 */
void	caller_begin_descriptors(const struct caller *caller,
    struct descriptors *all, int ours, ino_t inode);
bool	caller_next_descriptor(struct descriptors *all,
    struct descriptor *descriptor);
void	caller_end_descriptors(struct descriptors *all);

/*
 * Returns a copy of the process's descriptor fd, close-on-exec, which the
 * calling function closes; or -1 and errno if the kernel does not allow it
 * (pidfd_getfd(2)).
 */
int	caller_copy(const struct caller *caller, int fd);

/*
 * Stores the name of the protocol of the process's socket fd ("TCP", "UDPv6",
 * "UNIX-STREAM"), which the attribute system.sockprotoname has; "" if it is
 * unknown.  size is that of name, in bytes.
 */
void	caller_protocol(const struct caller *caller, int fd, char *name,
    size_t size);

/*
 * Learns what file path is for the process: its root and working directory, and
 * the links on the way, are the process's own (openat2(2), RESOLVE_IN_ROOT).
 * Where that call is not allowed, absolute links lead through the keeper's
 * root.  Returns whether the file is there.
 */
bool	caller_stat(const struct caller *caller, const char *path,
    struct stat *status);

#endif
