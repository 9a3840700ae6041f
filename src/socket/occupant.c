/* SPDX-License-Identifier: ISC */
#include <netinet/tcp.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "process/procfs.h"
#include "socket/occupant.h"

/*
 * Returns the inode number of a socket that has the port, of one that listens
 * if there is any; 0: none.  table is a file of proc(5), such as net/tcp.
 */
static unsigned long long
find_socket(const char *table, unsigned port)
{
	unsigned long long local, state, inode, found = 0;
	struct procfs file;
	char line[256];

	if (procfs_open(&file, "net/%s", table) == -1)
		return 0;
	while (procfs_text(&file, '\n', line, sizeof(line))) {
		if (!procfs_number(line, 2, 16, &local) || local != port ||
		    !procfs_number(line, 5, 16, &state) ||
		    !procfs_number(line, 13, 10, &inode) || inode == 0)
			continue;
		if (found == 0 || state == TCP_LISTEN)
			found = inode;
	}
	procfs_close(&file);
	return found;
}

static bool
has_socket(int pid, const char *name)
{
	struct procfs folder;
	char path[64], link[64];
	bool found = false;
	ssize_t length;
	int fd;

	if (procfs_open(&folder, "%d/fd", pid) == -1)
		return false;
	while (!found && procfs_entry(&folder, &fd)) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		length = readlink(path, link, sizeof(link) - 1);
		link[length == -1 ? 0 : length] = '\0';
		found = strcmp(link, name) == 0;
	}
	procfs_close(&folder);
	return found;
}

/* Returns a process that has the socket open, not this one; 0: none. */
static int
find_process(unsigned long long inode)
{
	struct procfs folder;
	int pid, found = 0;
	char name[64];

	snprintf(name, sizeof(name), "socket:[%llu]", inode);
	if (procfs_open(&folder, ".") == -1)
		return 0;
	while (found == 0 && procfs_entry(&folder, &pid))
		if (pid != getpid() && has_socket(pid, name))
			found = pid;
	procfs_close(&folder);
	return found;
}

static void
explain_in_use(const struct listener *listener, struct failure *failure)
{
	bool datagrams = listener->type == SOCK_DGRAM;
	const char *const tables[] = { datagrams ? "udp" : "tcp",
	    datagrams ? "udp6" : "tcp6" };
	char name[PROCFS_NAME_MAX];
	unsigned long long inode;
	int i, pid;

	for (i = 0; i < 2; i++) {
		inode = find_socket(tables[i], listener->port);
		pid = inode == 0 ? 0 : find_process(inode);
		if (pid == 0)
			continue;
		procfs_name(pid, name);
		fail(failure, 0, "%s: process %d (%s) has it", failure->text,
		    pid, name);
		return;
	}
}

static void
explain_denied(const struct listener *listener, struct failure *failure)
{
	const char *start = "sys/net/ipv4/ip_unprivileged_port_start";
	unsigned long long first = 1024;
	struct procfs file;
	char line[16];

	if (procfs_open(&file, "%s", start) == 0) {
		if (procfs_text(&file, '\n', line, sizeof(line)))
			procfs_number(line, 0, 10, &first);
		procfs_close(&file);
	}
	if (listener->port < first)
		fail(failure, 0, "%s: ports below %llu are root's: sysctl "
		    "net.ipv4.ip_unprivileged_port_start=%u, or --map %u "
		    "without -l", failure->text, first, listener->port,
		    listener->port);
}

void
occupant_explain(const struct listener *listener, int error,
    struct failure *failure)
{
	if (listener_is_unix(listener) || listener->port == 0)
		return;
	if (error == EADDRINUSE)
		explain_in_use(listener, failure);
	else if (error == EACCES)
		explain_denied(listener, failure);
}
