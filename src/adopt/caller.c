/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/caller.h"
#include "process/procfs.h"

enum {
	PATH_SIZE = 64,
	TRIES = 8,	/* while what is looked up is moved about */
	LINK_SIZE = 32,
	FEW = 16,	/* so few descriptors are listed: fewer system calls */
	MANY = 1 << 20,	/* more descriptors than that are listed too */
	SPARSE = 4	/* numbers that are compared, for each descriptor */
};

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
static ino_t
parse_link(const char *link)
{
	static const char socket[] = "socket:[";

	return strncmp(link, socket, strlen(socket)) == 0 ?
	    strtoull(link + strlen(socket), NULL, 10) : 0;
}

/* Returns false if there is none. */
static bool
read_link(int folder, const char *path, char link[LINK_SIZE])
{
	ssize_t length = readlinkat(folder, path, link, LINK_SIZE - 1);

	link[length < 0 ? 0 : length] = '\0';
	return length != -1;
}

ino_t
caller_socket(const struct caller *caller, int fd)
{
	char path[PATH_SIZE], link[LINK_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", caller->thread, fd);
	read_link(AT_FDCWD, path, link);
	return parse_link(link);
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

/* The size is their number, since Linux 6.2: proc_fd_getattr(). */
static off_t
count_descriptors(const struct descriptors *all)
{
	struct stat status;

	return fstat(all->folder.fd, &status) == -1 ? 0 : status.st_size;
}

void
caller_begin_descriptors(const struct caller *caller, struct descriptors *all,
    int ours, ino_t inode)
{
	off_t count;

	*all = (struct descriptors){ .caller = caller, .ours = ours,
	    .inode = inode };
	if (procfs_open(&all->folder, "%d/fd", caller->thread) == -1) {
		all->hidden = errno == EACCES || errno == EPERM;
		return;
	}
	count = ours == -1 ? 0 : count_descriptors(all);
	if (count <= FEW || count > MANY)
		return;
	all->self = getpid();
	all->count = (int)count;
	all->end = SPARSE * all->count;
}

/*
 * Another thread may have opened more since they were counted, at lower numbers
 * than some of those.
 */
static bool
found_all(struct descriptors *all)
{
	if (all->found == all->count)
		all->count = (int)count_descriptors(all);
	return all->found >= all->count;
}

/*
 * For each epoll instance, KCMP_EPOLL_TFD says whether descriptor 0 is
 * registered with it, and for all else EINVAL: kcmp(2).
 */
static int
compare(const struct descriptors *all, int fd, struct descriptor *descriptor)
{
	struct kcmp_epoll_slot slot = { .efd = (uint32_t)fd };
	pid_t other = all->caller->thread;
	long order = syscall(SYS_kcmp, all->self, other, KCMP_FILE, all->ours,
	    fd);

	if (order == -1)
		return -1;
	descriptor->fd = fd;
	descriptor->same = order == 0;
	descriptor->epoll = order != 0 && (syscall(SYS_kcmp, all->self,
	    other, KCMP_EPOLL_TFD, all->ours, &slot) != -1 || errno != EINVAL);
	return 0;
}

static bool
list(struct descriptors *all, struct descriptor *descriptor)
{
	char name[16], link[LINK_SIZE];
	int fd;

	while (procfs_entry(&all->folder, &fd)) {
		snprintf(name, sizeof(name), "%d", fd);
		if (fd < all->next || !read_link(all->folder.fd, name, link))
			continue;
		descriptor->fd = fd;
		descriptor->same = parse_link(link) == all->inode;
		descriptor->epoll = strcmp(link,
		    "anon_inode:[eventpoll]") == 0;
		return true;
	}
	return false;
}

/*
 * The kernel makes an inode of each descriptor that is listed, which takes ten
 * times as long as kcmp(2).  So where there are many descriptors, compares the
 * lowest numbers.  Lists what is left: those that are higher, or all if kcmp(2)
 * is refused.
 */
bool
caller_next_descriptor(struct descriptors *all, struct descriptor *descriptor)
{
	while (all->next < all->end && !found_all(all))
		if (compare(all, all->next, descriptor) == 0) {
			all->next++;
			all->found++;
			return true;
		} else if (errno == EBADF)
			all->next++;
		else
			all->end = all->next;
	return (all->end == 0 || !found_all(all)) && list(all, descriptor);
}

void
caller_end_descriptors(struct descriptors *all)
{
	procfs_close(&all->folder);
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

/*
 * Returns the O_PATH descriptor of what path is below root, or -1 and errno.
 * The kernel says EAGAIN if something was renamed just then and ".." may have
 * led out.
 */
static int
open_below(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
	    .resolve = RESOLVE_IN_ROOT };
	int fd, tries = 0;

	do
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd == -1 && errno == EAGAIN && ++tries < TRIES);
	return fd;
}

/*
 * Stores path as it is from the root of the process.  The links of /proc name
 * root and working directory as the keeper sees them, or both from the root of
 * another mount namespace.  Returns false if the one is not below the other.
 */
static bool
from_root(const struct caller *caller, const char *path,
    char absolute[PATH_MAX])
{
	char link[PATH_SIZE], root[PATH_MAX], here[PATH_MAX];
	ssize_t above, length;

	snprintf(link, sizeof(link), "/proc/%d/root", caller->thread);
	above = readlink(link, root, sizeof(root));
	snprintf(link, sizeof(link), "/proc/%d/cwd", caller->thread);
	length = readlink(link, here, sizeof(here) - 1);
	if (above < 1 || length < 1 || here[0] != '/')
		return false;
	here[length] = '\0';
	if (above == 1)		/* "/" is before everything */
		above = 0;
	return length >= above && memcmp(root, here, (size_t)above) == 0 &&
	    (here[above] == '/' || here[above] == '\0') &&
	    snprintf(absolute, PATH_MAX, "%s/%s", here + above, path) <
	    PATH_MAX;
}

/* Does as caller_stat(), but for absolute links. */
static bool
stat_from_here(const struct caller *caller, const char *path,
    struct stat *status)
{
	char ours[PATH_SIZE + PATH_MAX];

	snprintf(ours, sizeof(ours), "/proc/%d/%s/%s", caller->thread,
	    *path == '/' ? "root" : "cwd", path);
	return stat(ours, status) == 0;
}

bool
caller_stat(const struct caller *caller, const char *path,
    struct stat *status)
{
	char absolute[PATH_MAX], link[PATH_SIZE];
	int root, fd = -1, error;
	bool found;

	if (*path != '/') {
		if (!from_root(caller, path, absolute))
			return stat_from_here(caller, path, status);
		path = absolute;
	}
	snprintf(link, sizeof(link), "/proc/%d/root", caller->thread);
	root = open(link, O_PATH | O_CLOEXEC);
	if (root == -1)
		return false;
	fd = open_below(root, path);
	error = errno;
	close(root);
	if (fd == -1)
		return (error == ENOSYS || error == EPERM) &&
		    stat_from_here(caller, path, status);
	found = fstat(fd, status) == 0;
	close(fd);
	return found;
}
