/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/procfs.h"
#include "process/tree.h"

enum { GENERATIONS = 100 };	/* bounds the recursion */

static pid_t
parent_of(pid_t pid)
{
	unsigned long long parent;
	char text[PROCFS_STAT_MAX];

	return procfs_stat(pid, text) &&
	    procfs_number(text, STAT_PARENT, 10, &parent) ? (pid_t)parent : -1;
}

bool
tree_is_visible(void)
{
	char link[16];
	ssize_t length;

	length = readlink("/proc/self", link, sizeof(link) - 1);
	link[length == -1 ? 0 : length] = '\0';
	return atoi(link) == getpid();
}

struct visitor {
	void	(*visit)(pid_t pid, pid_t parent, void *context);
	void	*context;
	int	generation;
	pid_t	skipped;
};

static size_t	visit_children(pid_t parent, struct visitor *visitor);

static size_t
visit_children_of_thread(pid_t parent, pid_t thread, struct visitor *visitor)
{
	unsigned long long pid;
	struct procfs file;
	char word[16];
	size_t count = 0;

	if (procfs_open(&file, "%d/task/%d/children", parent, thread) == -1)
		return 0;
	while (procfs_text(&file, ' ', word, sizeof(word)) &&
	    procfs_number(word, 0, 10, &pid)) {
		if ((pid_t)pid == visitor->skipped)
			continue;
		count += 1 + visit_children((pid_t)pid, visitor);
		visitor->visit((pid_t)pid, parent, visitor->context);
	}
	procfs_close(&file);
	return count;
}

static size_t
visit_children(pid_t parent, struct visitor *visitor)
{
	struct procfs threads;
	size_t count = 0;
	pid_t thread;

	if (visitor->generation == GENERATIONS ||
	    procfs_open(&threads, "%d/task", parent) == -1)
		return 0;
	visitor->generation++;
	while (procfs_entry(&threads, &thread))
		count += visit_children_of_thread(parent, thread, visitor);
	visitor->generation--;
	procfs_close(&threads);
	return count;
}

size_t
tree_visit(void (*visit)(pid_t, pid_t, void *), void *context)
{
	return tree_visit_but(0, visit, context);
}

size_t
tree_visit_but(pid_t skipped, void (*visit)(pid_t, pid_t, void *),
    void *context)
{
	struct visitor visitor = { visit, context, 0, skipped };

	return visit_children(getpid(), &visitor);
}

bool
tree_is_below(pid_t pid, pid_t other)
{
	int left;

	for (left = GENERATIONS; left > 0 && pid > 0; left--) {
		pid = parent_of(pid);
		if (pid == other)
			return true;
	}
	return false;
}

int
tree_open_child(pid_t pid, pid_t parent)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd == -1 || parent == getpid() || parent_of(pid) == parent)
		return fd;
	close(fd);
	return -1;
}
