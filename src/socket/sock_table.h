/* SPDX-License-Identifier: ISC */
#ifndef SOCK_TABLE_H
#define SOCK_TABLE_H

/*
 * The kernel's tables of TCP, UDP and unix sockets, in /proc/PID/net: which
 * sockets listen, and which connections wait in their queues.  Uses no
 * malloc(3).
 */

#include <sys/types.h>

#include "socket/address.h"

struct sock_row {
	union address	 local, remote;	/* of an IP socket */
	unsigned	 state;		/* TCP_LISTEN and so on; as in a unix */
					/* table: SOCK_ROW_QUEUED, _ACCEPTED */
	ino_t		 inode;		/* 0: no process has it yet */
	const char	*path;		/* of a unix socket; "" where none */
};

/* States of a row of a unix table: SS_CONNECTING, SS_CONNECTED. */
enum { SOCK_ROW_QUEUED = 2, SOCK_ROW_ACCEPTED = 3 };

enum sock_table { TABLE_TCP, TABLE_UDP, TABLE_UNIX };

/*
 * Reads a line of a table: family is AF_INET, AF_INET6 or AF_UNIX.  Returns
 * whether it is a row; path points into the line.  Makes no system call.
 */
bool	sock_row_parse(const char *line, int family, struct sock_row *row);

/*
 * Calls visit for each row of the table in the network namespace of process
 * pid, both families of IP.  Returns 0; or -1 and errno if there is no such
 * table.
 */
int	sock_table_visit(pid_t pid, enum sock_table table,
    void (*visit)(const struct sock_row *row, void *context), void *context);

/*
 * Calls visit with the inode number of each socket that process pid has open.
 * Returns false where its descriptors may not be seen.
 */
bool	sock_table_of_process(pid_t pid,
    void (*visit)(ino_t inode, void *context), void *context);

#endif
