#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"
#include "target.h"

enum { PATH_SIZE = 64 };

/* Finds "key:\tvalue", value in the given base, in a file that it closes. */
static bool
read_field(FILE *file, const char *key, int base, unsigned long long *value)
{
	size_t length = strlen(key);
	char line[256];
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = strncmp(line, key, length) == 0 &&
		    procfs_number(line + length, 0, base, value);
	fclose(file);
	return found;
}

bool
target_identify(struct target *target, pid_t thread)
{
	unsigned long long process;

	if (!read_field(procfs_open("%d/status", thread), "Tgid:", 10,
	    &process))
		return false;
	target->thread = thread;
	target->process = (pid_t)process;
	return true;
}

int
target_read(const struct target *target, unsigned long long address,
    void *buffer, size_t length)
{
	struct iovec local = { buffer, length };
	struct iovec remote = { (void *)(uintptr_t)address, length };
	ssize_t n;

	n = process_vm_readv(target->thread, &local, 1, &remote, 1, 0);
	if (n == -1)
		return -1;
	if ((size_t)n == length)
		return 0;
	errno = EFAULT;
	return -1;
}

bool
target_shares_network(const struct target *target)
{
	struct stat ours, theirs;
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", target->thread);
	return stat(path, &theirs) == 0 &&
	    stat("/proc/self/ns/net", &ours) == 0 &&
	    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

bool
target_descriptor(const struct target *target, int number,
    struct descriptor *descriptor)
{
	char path[PATH_SIZE], link[32];
	struct stat status;
	ssize_t length;
	unsigned long long flags = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", target->thread, number);
	length = readlink(path, link, sizeof(link) - 1);
	if (length == -1 || stat(path, &status) == -1)
		return false;
	link[length] = '\0';
	descriptor->number = number;
	descriptor->socket = S_ISSOCK(status.st_mode) ? status.st_ino : 0;
	descriptor->epoll = strcmp(link, "anon_inode:[eventpoll]") == 0;
	read_field(procfs_open("%d/fdinfo/%d", target->thread, number),
	    "flags:", 8, &flags);
	descriptor->flags = (int)flags;
	return true;
}

size_t
target_descriptors(const struct target *target, struct descriptor **list)
{
	struct descriptor *grown, descriptor;
	struct dirent *entry;
	char path[PATH_SIZE];
	size_t count = 0;
	DIR *folder;

	*list = NULL;
	snprintf(path, sizeof(path), "/proc/%d/fd", target->thread);
	folder = opendir(path);
	if (folder == NULL)
		return 0;
	while ((entry = readdir(folder)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !target_descriptor(target, atoi(entry->d_name),
		    &descriptor))
			continue;
		grown = reallocarray(*list, count + 1, sizeof(*grown));
		if (grown == NULL)
			break;
		*list = grown;
		grown[count++] = descriptor;
	}
	closedir(folder);
	return count;
}

int
target_open(const struct target *target)
{
	return (int)syscall(SYS_pidfd_open, target->process, 0);
}

int
target_copy(const struct target *target, int number)
{
	int process, fd;

	/* PIDFD_THREAD, since 6.9: of use where the first thread has ended. */
	process = (int)syscall(SYS_pidfd_open, target->thread, O_EXCL);
	if (process == -1)
		process = target_open(target);
	if (process == -1)
		return -1;
	fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
	close(process);
	return fd;
}

void
target_protocol(const struct target *target, int number, char *name,
    size_t size)
{
	char path[PATH_SIZE];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", target->thread, number);
	length = getxattr(path, "system.sockprotoname", name, size - 1);
	name[length < 0 ? 0 : length] = '\0';
}

void
target_path(const struct target *target, const char *path, char *ours,
    size_t size)
{
	snprintf(ours, size, "/proc/%d/%s/%s", target->thread,
	    *path == '/' ? "root" : "cwd", path);
}
