/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/caller.h"
#include "process/procfs.h"

enum { PATH_SIZE = 64 };

/*
 * Reads the number after key in the file.  Closes the file.  Returns whether
 * the number was found.
 */
static bool
read_field(struct procfs *file, const char *key, int base,
    unsigned long long *value)
{
	size_t length = strlen(key);
	char line[128];
	bool found = false;

	while (!found && procfs_text(file, '\n', line, sizeof(line)))
		found = strncmp(line, key, length) == 0 &&
		    procfs_number(line + length, 0, base, value);
	procfs_close(file);
	return found;
}

bool
caller_identify(struct caller *caller, pid_t thread)
{
	unsigned long long process;
	struct procfs file;

	if (procfs_open(&file, "%d/status", thread) == -1 ||
	    !read_field(&file, "Tgid:", 10, &process))
		return false;
	caller->thread = thread;
	caller->process = (pid_t)process;
	return true;
}

int
caller_read(const struct caller *caller, unsigned long long address,
    void *buffer, size_t length)
{
	struct iovec local = { buffer, length };
	struct iovec remote = { (void *)(uintptr_t)address, length };
	ssize_t n;

	n = process_vm_readv(caller->thread, &local, 1, &remote, 1, 0);
	if (n == -1)
		return -1;
	if ((size_t)n == length)
		return 0;
	errno = EFAULT;
	return -1;
}

bool
caller_shares_network(const struct caller *caller)
{
	struct stat ours, theirs;
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", caller->thread);
	return stat(path, &theirs) == 0 &&
	    stat("/proc/self/ns/net", &ours) == 0 &&
	    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* readlink(2) is enough: it gives "socket:[INODE]" (proc_pid_fd(5)). */
bool
caller_descriptor(const struct caller *caller, int fd,
    struct descriptor *descriptor)
{
	static const char socket[] = "socket:[";
	char path[PATH_SIZE], link[32];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", caller->thread, fd);
	length = readlink(path, link, sizeof(link) - 1);
	if (length == -1)
		return false;
	link[length] = '\0';
	descriptor->fd = fd;
	descriptor->socket = strncmp(link, socket, strlen(socket)) == 0 ?
	    strtoull(link + strlen(socket), NULL, 10) : 0;
	descriptor->epoll = strcmp(link, "anon_inode:[eventpoll]") == 0;
	return true;
}

int
caller_flags(const struct caller *caller, int fd)
{
	unsigned long long flags = 0;
	struct procfs file;

	if (procfs_open(&file, "%d/fdinfo/%d", caller->thread, fd) == 0)
		read_field(&file, "flags:", 8, &flags);
	return (int)flags;
}

size_t
caller_descriptors(const struct caller *caller, struct descriptor **list)
{
	struct descriptor *grown, descriptor;
	struct procfs folder;
	size_t count = 0;
	int fd;

	*list = NULL;
	if (procfs_open(&folder, "%d/fd", caller->thread) == -1)
		return 0;
	while (procfs_entry(&folder, &fd)) {
		if (!caller_descriptor(caller, fd, &descriptor))
			continue;
		grown = reallocarray(*list, count + 1, sizeof(*grown));
		if (grown == NULL)
			break;
		*list = grown;
		grown[count++] = descriptor;
	}
	procfs_close(&folder);
	return count;
}

int
caller_open(const struct caller *caller)
{
	return (int)syscall(SYS_pidfd_open, caller->process, 0);
}

int
caller_copy(const struct caller *caller, int fd)
{
	int pidfd, copy;

	/*
	 * PIDFD_THREAD (Linux 6.9) has the value of O_EXCL.  It opens the
	 * calling thread itself: pidfd_getfd(2) fails on the process once its
	 * main thread has ended.  Older kernels say EINVAL.
	 */
	pidfd = (int)syscall(SYS_pidfd_open, caller->thread, O_EXCL);
	if (pidfd == -1)
		pidfd = caller_open(caller);
	if (pidfd == -1)
		return -1;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	close(pidfd);
	return copy;
}

void
caller_protocol(const struct caller *caller, int fd, char *name,
    size_t size)
{
	char path[PATH_SIZE];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", caller->thread, fd);
	length = getxattr(path, "system.sockprotoname", name, size - 1);
	name[length < 0 ? 0 : length] = '\0';
}

void
caller_path(const struct caller *caller, const char *path, char *ours,
    size_t size)
{
	snprintf(ours, size, "/proc/%d/%s/%s", caller->thread,
	    *path == '/' ? "root" : "cwd", path);
}
