/* SPDX-License-Identifier: ISC */
#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The command line, parsed into struct options.  Options end at the first
 * operand, as in env(1).
 */

#include <stdio.h>

#include "base/log.h"
#include "socket/spec.h"

enum action { RUN, SHOW_HELP, SHOW_VERSION, CHECK };

enum handoff { INHERIT, ADOPT, RESERVE };

/* -e NAME[=TEMPLATE], -p FILE or -w FILE=TEMPLATE. */
struct assignment {
	char		*name;		/* a variable or a file; owned */
	const char	*template;	/* of argv, or a constant; not owned */
	bool		 is_port_file;	/* -p: the service does not read it */
};

struct assignments {
	struct assignment	*list;	/* owned */
	size_t			 count;
};

/* -m PORT[=SOCKET] */
struct map {
	unsigned	 port;		/* 0: any, and none is known yet */
	const char	*name;		/* SOCKET, in argv; NULL: the first */
	size_t		 socket;	/* its index; plan_maps() sets it */
	bool		 is_any;
	const char	*text;		/* all of it, in argv */
};

struct maps {
	struct map	*list;		/* owned */
	size_t		 count;
};

struct options {
	enum action		 action;
	struct spec		*specs;	/* owned; all members of groups */
	size_t			 spec_count;
	struct assignments	 settings;	/* -e, in order */
	struct assignments	 files;		/* -p and -w, in order */
	struct maps		 maps;
	const char		*client;	/* -c, in argv; or NULL */
	bool			 has_handoff;	/* -H was given */
	enum handoff		 handoff;
	int			 kill_after;	/* -k, milliseconds */
	int			 start_timeout;	/* -t, likewise; 0: none */
	bool			 has_stop_signal;	/* -s was given */
	int			 stop_signal;	/* TERM without it */
	bool			 background, inetd, on_demand, no_pid;
	enum verbosity		 verbosity;
	char			**command;	/* in argv; ends with NULL */
};

/*
 * Parses argv.  Never exits, and makes no system call except those of
 * malloc(3).  If action is RUN, command has at least one word.  Returns 0, or
 * -1 with the reason in failure.  Either way options_free() frees options.
 * It points into argv, which must live as long.
 */
int	options_parse(struct options *options, int argc, char *argv[],
    struct failure *failure);

/*
 * Returns the value that the service gets for the variable: that of -e, whose
 * template is not expanded, or the caller's; or NULL.
 */
const char	*options_variable(const struct options *options,
    const char *name);

/* Frees everything that options owns. */
void	options_free(struct options *options);

/* Prints the text of --help. */
void	options_print_help(FILE *output);

#endif
