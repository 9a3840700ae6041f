/* SPDX-License-Identifier: ISC */
#ifndef SPEC_H
#define SPEC_H

/*
 * The SPEC of -l, parsed: the address, type and options of a socket that is
 * to be opened, or the descriptor of one that is open.  Makes no system call.
 */

#include <net/if.h>
#include <stdbool.h>

#include "base/log.h"
#include "socket/address.h"

enum {
	FIRST_FD = 3,		/* SD_LISTEN_FDS_START of sd_listen_fds(3) */
	SPEC_NAME_MAX = 255,	/* bytes; FDNAME_MAX in systemd */
	SPEC_MEMBERS_MAX = 4	/* of a group: tcp+udp:localhost:0 */
};

#define SPEC_UNNAMED	"unknown"	/* as libsystemd has it */

/* The rows of socket_options. */
enum option_row {
	OPTION_BACKLOG,
	OPTION_REUSEPORT,
	OPTION_V6ONLY,
	OPTION_NONBLOCK,
	OPTION_MODE,
	OPTION_RCVBUF,
	OPTION_SNDBUF,
	OPTION_COUNT
};

struct socket_option {
	char		name[10];
	char		value[6];	/* "N", "OCTAL"; "": no value */
	char		meaning[50];	/* for --help */
	int		minimum, maximum;
	unsigned	applies;	/* APPLIES_* of spec.c */
	char		domain[23];	/* the same in words, for messages */
};

extern const struct socket_option	socket_options[OPTION_COUNT];

struct spec {
	const char	*text;		/* the whole SPEC; not owned */
	char		 name[SPEC_NAME_MAX + 1];	/* or SPEC_UNNAMED */
	int		 type;		/* SOCK_STREAM, SOCK_DGRAM, ... */
	union address	 address;	/* port 0: the kernel chooses */
	socklen_t	 length;	/* bytes of address */
	char		 interface[IF_NAMESIZE];	/* of [V6%IF], or "" */
	int		 fd;		/* of fd:N; 0: is to be opened */
	bool		 wildcard;	/* "*": [::], or 0.0.0.0 without IPv6 */
	bool		 loopback;	/* 127.0.0.1, or [::1] without it */
	bool		 same_port;	/* has the port of the one before it */
	bool		 optional;	/* ::1 of localhost: may be missing */
	int		 option[OPTION_COUNT];	/* -1: not given */
};

/*
 * Parses [NAME=][TYPE:]ADDRESS[,OPTION[=VALUE]]... into one member, or into a
 * group of two or four (localhost, tcp+udp).  All members of a group except
 * the first have same_port.  Of [NAME=]fd:N only text, name and fd are set.
 * Each member's text points to spec.  Returns the number of members, or -1 with
 * the reason in failure.
 */
int	spec_parse(const char *spec,
    struct spec members[SPEC_MEMBERS_MAX], struct failure *failure);

/* Returns whether the socket is TCP, over IPv4 or IPv6. */
bool	spec_is_tcp(const struct spec *spec);

#endif
