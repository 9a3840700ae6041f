/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/procfs.h"
#include "socket/sock_table.h"

/* The words of a row, from 0: blanks and colons separate them. */
enum {
	IP_STATE = 5, IP_INODE = 13,
	UNIX_STATE = 5, UNIX_INODE = 6, UNIX_PATH = 7
};

enum { LINE_MAX_BYTES = 512 };

/* The kernel writes each 32 bits of an address as they are in memory, "%08X" */
static bool
parse_address(const char *text, int family, union address *address)
{
	size_t i, words = family == AF_INET ? 1 : 4;
	unsigned long port;
	uint32_t ip[4];
	char word[9], *end;

	for (i = 0; i < words; i++) {
		strlcpy(word, text, sizeof(word));
		ip[i] = (uint32_t)strtoul(word, &end, 16);
		if (end != word + 8)
			return false;
		text += 8;
	}
	port = text[0] == ':' ? strtoul(text + 1, &end, 16) : 65536;
	if (port > 65535)
		return false;
	memset(address, 0, sizeof(*address));
	address->any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		memcpy(&address->in.sin_addr, ip, sizeof(ip[0]));
	else
		memcpy(&address->in6.sin6_addr, ip, sizeof(ip));
	address_set_port(address, (unsigned)port);
	return true;
}

/* Returns word n, from 0, of what blanks separate; "" where there is none. */
static const char *
find_word(const char *line, unsigned n)
{
	line += strspn(line, " ");
	for (; n > 0; n--) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	return line;
}

bool
sock_row_parse(const char *line, int family, struct sock_row *row)
{
	unsigned long long state, inode;
	bool ip = family != AF_UNIX;

	if (!procfs_number(line, ip ? IP_STATE : UNIX_STATE, 16, &state) ||
	    !procfs_number(line, ip ? IP_INODE : UNIX_INODE, 10, &inode))
		return false;
	row->state = (unsigned)state;
	row->inode = (ino_t)inode;
	row->path = ip ? "" : find_word(line, UNIX_PATH);
	return !ip || (parse_address(find_word(line, 1), family,
	    &row->local) && parse_address(find_word(line, 2), family,
	    &row->remote));
}

static int
visit_file(pid_t pid, const char *name, int family,
    void (*visit)(const struct sock_row *row, void *context), void *context)
{
	char line[LINE_MAX_BYTES];
	struct procfs file;
	struct sock_row row;

	if (procfs_open(&file, "%d/net/%s", pid, name) == -1)
		return -1;
	while (procfs_text(&file, '\n', line, sizeof(line)))
		if (sock_row_parse(line, family, &row))
			visit(&row, context);
	procfs_close(&file);
	return 0;
}

int
sock_table_visit(pid_t pid, enum sock_table table,
    void (*visit)(const struct sock_row *row, void *context), void *context)
{
	static const char names[][2][5] = {
		[TABLE_TCP] = { "tcp", "tcp6" },
		[TABLE_UDP] = { "udp", "udp6" },
	};
	int first, second;

	if (table == TABLE_UNIX)
		return visit_file(pid, "unix", AF_UNIX, visit, context);
	first = visit_file(pid, names[table][0], AF_INET, visit, context);
	second = visit_file(pid, names[table][1], AF_INET6, visit, context);
	return first == -1 && second == -1 ? -1 : 0;
}

bool
sock_table_of_process(pid_t pid, void (*visit)(ino_t inode, void *context),
    void *context)
{
	static const char prefix[] = "socket:[";
	char name[16], link[32];
	struct procfs folder;
	ssize_t length;
	int fd;

	if (procfs_open(&folder, "%d/fd", pid) == -1)
		return errno != EACCES && errno != EPERM;
	while (procfs_entry(&folder, &fd)) {
		snprintf(name, sizeof(name), "%d", fd);
		length = readlinkat(folder.fd, name, link, sizeof(link) - 1);
		link[length == -1 ? 0 : length] = '\0';
		if (strncmp(link, prefix, strlen(prefix)) == 0)
			visit(strtoull(link + strlen(prefix), NULL, 10),
			    context);
	}
	procfs_close(&folder);
	return true;
}
