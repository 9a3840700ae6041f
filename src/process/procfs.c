/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/procfs.h"

#define BETWEEN_WORDS	" \t\n:"

int
procfs_open(struct procfs *file, const char *format, ...)
{
	char path[64] = "/proc/";
	size_t length = strlen(path);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + length, sizeof(path) - length, format, arguments);
	va_end(arguments);
	file->at = file->length = 0;
	file->fd = open(path, O_RDONLY | O_CLOEXEC);
	return file->fd == -1 ? -1 : 0;
}

void
procfs_close(struct procfs *file)
{
	if (file->fd != -1)
		close(file->fd);
	file->fd = -1;
}

/* Reads on if all was taken.  Returns whether there is anything to take. */
static bool
fill(struct procfs *file, ssize_t (*more)(int, void *, size_t))
{
	ssize_t length;

	if (file->at < file->length)
		return true;
	length = more(file->fd, file->data, sizeof(file->data));
	file->at = 0;
	file->length = length < 0 ? 0 : (size_t)length;
	return file->length > 0;
}

bool
procfs_text(struct procfs *file, char end, char *text, size_t size)
{
	size_t length = 0;
	char next;

	if (!fill(file, read))
		return false;
	do {
		next = file->data[file->at++];
		if (next == end)
			break;
		if (length + 1 < size)
			text[length++] = next;
	} while (fill(file, read));
	text[length] = '\0';
	return true;
}

/* The system call itself: libcs declare getdents64(3) in different ways. */
static ssize_t
read_folder(int fd, void *data, size_t size)
{
	return syscall(SYS_getdents64, fd, data, size);
}

bool
procfs_entry(struct procfs *folder, int *number)
{
	const struct dirent *entry;

	while (fill(folder, read_folder)) {
		entry = (const void *)(folder->data + folder->at);
		folder->at += entry->d_reclen;
		if (isdigit((unsigned char)entry->d_name[0])) {
			*number = atoi(entry->d_name);
			return true;
		}
	}
	return false;
}

void
procfs_name(pid_t pid, char name[PROCFS_NAME_MAX])
{
	struct procfs file;

	strlcpy(name, "?", PROCFS_NAME_MAX);
	if (procfs_open(&file, "%d/comm", pid) == -1)
		return;
	procfs_text(&file, '\n', name, PROCFS_NAME_MAX);
	procfs_close(&file);
}

/* The name may contain blanks and parentheses: its end is the last one. */
bool
procfs_stat(pid_t pid, char text[PROCFS_STAT_MAX])
{
	struct procfs file;
	char *end = NULL;

	if (procfs_open(&file, "%d/stat", pid) == -1)
		return false;
	if (procfs_text(&file, '\0', text, PROCFS_STAT_MAX))
		end = strrchr(text, ')');
	procfs_close(&file);
	if (end == NULL || end[1] != ' ')
		return false;
	memmove(text, end + 2, strlen(end + 2) + 1);
	return true;
}

bool
procfs_exits(pid_t pid)
{
	enum { EXITING = 0x4 };		/* PF_EXITING of linux/sched.h */
	char text[PROCFS_STAT_MAX];
	unsigned long long flags;

	return procfs_stat(pid, text) &&
	    procfs_number(text, STAT_FLAGS, 10, &flags) &&
	    (flags & EXITING) != 0;
}

bool
procfs_number(const char *line, unsigned n, int base,
    unsigned long long *number)
{
	size_t length;
	char *end;

	line += strspn(line, BETWEEN_WORDS);
	for (; n > 0; n--) {
		line += strcspn(line, BETWEEN_WORDS);
		line += strspn(line, BETWEEN_WORDS);
	}
	length = strcspn(line, BETWEEN_WORDS);
	*number = strtoull(line, &end, base);
	return length > 0 && end == line + length;
}

bool
procfs_signal(pid_t pid, const char *label, int signo)
{
	unsigned long long set = 0;
	struct procfs file;
	char line[64];

	if (procfs_open(&file, "%d/status", pid) == -1)
		return false;
	while (procfs_text(&file, '\n', line, sizeof(line)))
		if (strncmp(line, label, strlen(label)) == 0)
			procfs_number(line, 1, 16, &set);
	procfs_close(&file);
	return (set >> (signo - 1) & 1) != 0;
}
