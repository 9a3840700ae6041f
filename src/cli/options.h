#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The command line.  Options end at the first operand, as with env(1).
 */

#include <stdio.h>

#include "base/log.h"
#include "socket/spec.h"

enum action { RUN, SHOW_HELP, SHOW_VERSION };

enum handoff { INHERIT, ADOPT, RESERVE };

/* -e NAME[=TEMPLATE], -p FILE, -w FILE=TEMPLATE: a template for something. */
struct assignment {
	char		*name;		/* a variable or a file; owned */
	const char	*template;	/* as given, or a constant */
	bool		 is_port_file;	/* -p: not for the service */
};

struct assignments {
	struct assignment	*list;	/* owned */
	size_t			 count;
};

/* -m PORT[=SOCKET] */
struct map {
	unsigned	 port;
	const char	*name;		/* of the socket, as given, or NULL */
	size_t		 socket;	/* its number, once it is known */
};

struct maps {
	struct map	*list;		/* owned */
	size_t		 count;
};

struct options {
	enum action		 action;
	struct spec		*specs;	/* owned; groups expanded */
	size_t			 spec_count;
	struct assignments	 settings;	/* -e, in order */
	struct assignments	 files;		/* -p and -w, in order */
	struct maps		 maps;
	const char		*client;	/* -c, or NULL */
	bool			 has_handoff;	/* -H was given */
	enum handoff		 handoff;
	int			 kill_after;	/* -k, milliseconds */
	bool			 inetd, on_demand, no_pid;
	enum verbosity		 verbosity;
	char			**command;	/* of argv; NULL-terminated */
};

/*
 * Parses argv.  Makes no system call but those of malloc(3), exits never.
 * Returns 0, or -1 with the reason in failure; either way options is for
 * options_free().
 */
int	options_parse(struct options *options, int argc, char *argv[],
    struct failure *failure);
void	options_free(struct options *options);

/* Appends what -l SPEC asks for.  0, or -1 with the reason in failure. */
int	options_add_socket(struct options *options, const char *spec,
    struct failure *failure);

/* The text of --help. */
void	options_print_help(FILE *output);

#endif
