/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

static int
open_pidfd(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

/*
 * pidfd_open(2) fails unless pid is the process's first thread, whose number
 * is the process's.
 */
bool
caller_identify(struct caller *caller, pid_t thread)
{
	unsigned long long process;
	struct procfs file;

	caller->thread = caller->process = thread;
	caller->pidfd = open_pidfd(thread, 0);
	if (caller->pidfd != -1)
		return true;
	if (procfs_open(&file, "%d/status", thread) == -1 ||
	    !read_field(&file, "Tgid:", 10, &process))
		return false;
	caller->process = (pid_t)process;
	caller->pidfd = open_pidfd(caller->process, 0);
	return true;
}

void
caller_close(struct caller *caller)
{
	if (caller->pidfd != -1)
		close(caller->pidfd);
	caller->pidfd = -1;
}

int
caller_take_pidfd(struct caller *caller)
{
	int pidfd = caller->pidfd;

	caller->pidfd = -1;
	return pidfd != -1 ? pidfd : open_pidfd(caller->process, 0);
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

ino_t
caller_network(pid_t thread)
{
	struct stat status;
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", thread);
	return stat(path, &status) == -1 ? 0 : status.st_ino;
}

/* readlink(2) is enough: it gives "socket:[INODE]" (proc_pid_fd(5)). */
static bool
read_descriptor(int folder, const char *path, int fd,
    struct descriptor *descriptor)
{
	static const char socket[] = "socket:[";
	char link[32];
	ssize_t length;

	length = readlinkat(folder, path, link, sizeof(link) - 1);
	if (length == -1)
		return false;
	link[length] = '\0';
	descriptor->fd = fd;
	descriptor->socket = strncmp(link, socket, strlen(socket)) == 0 ?
	    strtoull(link + strlen(socket), NULL, 10) : 0;
	descriptor->epoll = strcmp(link, "anon_inode:[eventpoll]") == 0;
	return true;
}

bool
caller_descriptor(const struct caller *caller, int fd,
    struct descriptor *descriptor)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", caller->thread, fd);
	return read_descriptor(AT_FDCWD, path, fd, descriptor);
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

void
caller_open_descriptors(const struct caller *caller, struct procfs *folder)
{
	procfs_open(folder, "%d/fd", caller->thread);
}

bool
caller_next_descriptor(struct procfs *folder, struct descriptor *descriptor)
{
	char name[16];
	int fd;

	while (procfs_entry(folder, &fd)) {
		snprintf(name, sizeof(name), "%d", fd);
		if (read_descriptor(folder->fd, name, fd, descriptor))
			return true;
	}
	return false;
}

/*
 * pidfd_getfd(2) fails once the first thread of the process has ended.
 * PIDFD_THREAD (Linux 6.9), which has the value of O_EXCL, opens the calling
 * thread itself.
 */
int
caller_copy(const struct caller *caller, int fd)
{
	int copy = (int)syscall(SYS_pidfd_getfd, caller->pidfd, fd, 0);
	int error = errno, pidfd;

	if (copy != -1)
		return copy;
	pidfd = open_pidfd(caller->thread, O_EXCL);
	if (pidfd != -1) {
		copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
		error = errno;
		close(pidfd);
	}
	errno = error;
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
