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
	pid_t	thread;		/* that called */
	pid_t	process;	/* its thread group */
};

/* One open descriptor of a process. */
struct descriptor {
	int	fd;
	ino_t	socket;		/* a socket's inode; 0: something else */
	bool	epoll;
};

/* The thread's group; false where it is gone. */
bool	caller_identify(struct caller *caller, pid_t thread);

/*
 * Copies length bytes at address.  0, or -1 and errno: EFAULT is the
 * process's own mistake, ESRCH that it is gone; anything else says that we
 * may not (process_vm_readv(2)).
 */
int	caller_read(const struct caller *caller, unsigned long long address,
    void *buffer, size_t length);

/* Whether it is in this process's network namespace; false if unknown. */
bool	caller_shares_network(const struct caller *caller);

/* Looks at descriptor fd; false where it is not open. */
bool	caller_descriptor(const struct caller *caller, int fd,
    struct descriptor *descriptor);

/* The flags of descriptor fd, F_GETFL's and O_CLOEXEC; 0 if unknown. */
int	caller_flags(const struct caller *caller, int fd);

/* All that are open.  The caller frees *list.  Returns their count. */
size_t	caller_descriptors(const struct caller *caller,
    struct descriptor **list);

/*
 * A copy of its descriptor, close-on-exec, owned by the caller; -1 where
 * the kernel does not allow it (pidfd_getfd(2)).
 */
int	caller_copy(const struct caller *caller, int fd);

/* A pidfd of the process, close-on-exec; -1 and errno. */
int	caller_open(const struct caller *caller);

/*
 * The name of its socket's protocol ("TCP", "UDPv6", "UNIX-STREAM"), as the
 * attribute system.sockprotoname has it; "" if unknown.
 */
void	caller_protocol(const struct caller *caller, int fd, char *name,
    size_t size);

/*
 * Where a path leads for the process: writes one that leads there for us,
 * through its root or working directory.
 */
void	caller_path(const struct caller *caller, const char *path,
    char *ours, size_t size);

#endif
