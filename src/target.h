#ifndef TARGET_H
#define TARGET_H

/*
 * What the kernel shows of a process that called bind(): its memory, its
 * descriptors, its namespace.  Reading only.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

struct target {
	pid_t	thread;		/* that called */
	pid_t	process;	/* its thread group */
};

/* One open descriptor of a process. */
struct descriptor {
	int	number;
	int	flags;		/* F_GETFL's, and O_CLOEXEC */
	ino_t	socket;		/* a socket's inode; 0: something else */
	bool	epoll;
};

/* The thread's group; false where it is gone. */
bool	target_identify(struct target *target, pid_t thread);

/*
 * Copies length bytes at address.  0, or -1 and errno: EFAULT is the
 * process's own mistake, ESRCH that it is gone; anything else says that we
 * may not (process_vm_readv(2)).
 */
int	target_read(const struct target *target, unsigned long long address,
    void *buffer, size_t length);

/* Whether it is in this process's network namespace; false if unknown. */
bool	target_shares_network(const struct target *target);

/* Looks at descriptor number; false where it is not open. */
bool	target_descriptor(const struct target *target, int number,
    struct descriptor *descriptor);

/* All that are open.  The caller frees *list.  Returns their count. */
size_t	target_descriptors(const struct target *target,
    struct descriptor **list);

/*
 * A copy of its descriptor, close-on-exec, owned by the caller; -1 where
 * the kernel does not allow it (pidfd_getfd(2)).
 */
int	target_copy(const struct target *target, int number);

/* A pidfd of the process, close-on-exec; -1 and errno. */
int	target_open(const struct target *target);

/*
 * The name of its socket's protocol ("TCP", "UDPv6", "UNIX-STREAM"), as the
 * attribute system.sockprotoname has it; "" if unknown.
 */
void	target_protocol(const struct target *target, int number, char *name,
    size_t size);

/*
 * Where a path leads for the process: writes one that leads there for us,
 * through its root or working directory.
 */
void	target_path(const struct target *target, const char *path,
    char *ours, size_t size);

#endif
