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

struct caller {
	pid_t	thread;		/* the thread that called bind() */
	pid_t	process;	/* its process */
};

/* One open descriptor of a process. */
struct descriptor {
	int	fd;
	ino_t	socket;		/* a socket's inode; 0: something else */
	bool	epoll;
};

/* Stores the thread and its process.  Returns false if the thread is gone. */
bool	caller_identify(struct caller *caller, pid_t thread);

/*
 * Copies length bytes at address in the process to buffer.  Returns 0, or -1
 * and errno of process_vm_readv(2).  EFAULT: the address is bad.  ESRCH: the
 * process is gone.  Any other: reading is not permitted, or not possible.
 */
int	caller_read(const struct caller *caller, unsigned long long address,
    void *buffer, size_t length);

/*
 * Returns whether the thread is in the keeper's network namespace; false if
 * that is unknown.
 */
bool	caller_shares_network(const struct caller *caller);

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
 * Stores all open descriptors of the process in *list and returns their count.
 * If memory is short, some are left out.  The calling function frees *list.
 */
size_t	caller_descriptors(const struct caller *caller,
    struct descriptor **list);

/*
 * Returns a copy of the process's descriptor fd, close-on-exec, which the
 * calling function closes; or -1 and errno if the kernel does not allow it
 * (pidfd_getfd(2)).
 */
int	caller_copy(const struct caller *caller, int fd);

/*
 * Returns a pidfd of the process, close-on-exec, which the calling function
 * closes; or -1 and errno.
 */
int	caller_open(const struct caller *caller);

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
