/* SPDX-License-Identifier: ISC */
#ifndef CALLER_H
#define CALLER_H

/*
 * What the kernel shows of a process that called bind(): its memory, its
 * descriptors, its namespace.  Reading only.
 */

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
	ino_t	socket;		/* a socket's inode; 0: something else */
	bool	epoll;
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
 * Stores what the process's descriptor fd is.  Returns false if it is not open.
 */
bool	caller_descriptor(const struct caller *caller, int fd,
    struct descriptor *descriptor);

/*
 * Returns the flags of the process's descriptor fd, those of F_GETFL and
 * O_CLOEXEC; 0 if they are unknown.
 */
int	caller_flags(const struct caller *caller, int fd);

/*
 * Opens the folder of the process's descriptors, for caller_next_descriptor(),
 * which stores the next one that is open and returns false if none is left.
 * Close the folder with procfs_close().  A folder that cannot be opened has no
 * descriptors.
 */
void	caller_open_descriptors(const struct caller *caller,
    struct procfs *folder);
bool	caller_next_descriptor(struct procfs *folder,
    struct descriptor *descriptor);

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
 * Writes to ours a path by which the keeper reaches the file that path names
 * for the process: it leads through the process's root or working directory
 * (proc(5)).  size is that of ours, in bytes.
 */
void	caller_path(const struct caller *caller, const char *path,
    char *ours, size_t size);

#endif
