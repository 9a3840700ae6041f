#ifndef SPEC_H
#define SPEC_H

/*
 * What a socket is to be: the SPEC of -l, parsed.  Pure: no system call.
 */

#include <net/if.h>
#include <stdbool.h>

#include "base/log.h"
#include "socket/address.h"

enum {
	SPEC_NAME_MAX = 255,	/* as systemd has it: FDNAME_MAX */
	SPEC_MEMBERS_MAX = 4	/* tcp+udp:localhost:0 */
};

/* The rows of the table of socket options. */
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
	const char	*name;
	const char	*value;		/* "N", "OCTAL"; NULL: takes none */
	const char	*meaning;	/* for --help */
	int		 minimum, maximum;
	unsigned	 applies;	/* to what; private to endpoint.c */
	const char	*domain;	/* the same in words, for messages */
};

extern const struct socket_option	socket_options[OPTION_COUNT];

struct spec {
	const char	*text;		/* as given; belongs to the caller */
	char		 name[SPEC_NAME_MAX + 1];	/* "unknown" if none */
	int		 type;		/* SOCK_STREAM, SOCK_DGRAM, ... */
	union address	 address;	/* port 0: the kernel's choice */
	socklen_t	 length;
	char		 interface[IF_NAMESIZE];	/* of [V6%IF], or "" */
	bool		 wildcard;		/* "*": 0.0.0.0 without IPv6 */
	bool		 same_port;	/* takes the number of the one before */
	bool		 optional;	/* localhost's ::1, without IPv6 */
	int		 option[OPTION_COUNT];	/* -1: not given */
};

/*
 * Parses [NAME=][TYPE:]ADDRESS[,OPTION[=VALUE]]... into one endpoint, or
 * into the two or four of a group (localhost, tcp+udp), whose members but
 * the first are joined.  Returns how many, or -1 with the reason in
 * failure.
 */
int	spec_parse(const char *spec,
    struct spec members[SPEC_MEMBERS_MAX], struct failure *failure);

bool	spec_is_tcp(const struct spec *spec);

#endif
