/* SPDX-License-Identifier: ISC */
#ifndef LAUNCH_H
#define LAUNCH_H

/*
 * One run of portexec: everything that is known of it, and its outcome.
 */

#include <stdbool.h>

#include "base/log.h"
#include "cli/options.h"
#include "handoff/environment.h"
#include "handoff/port_file.h"
#include "handoff/template.h"
#include "process/signals.h"
#include "socket/listener.h"

/* The exit statuses of portexec itself; the same as in env(1), timeout(1). */
enum {
	STATUS_FAILED = 125,		/* portexec failed */
	STATUS_CANNOT_EXECUTE = 126,	/* COMMAND could not be executed */
	STATUS_NOT_FOUND = 127		/* COMMAND was not found */
};

/* What the service has for its standard input, and the client. */
enum input {
	INPUT_CALLERS,	/* the caller's; so does the client */
	INPUT_SILENT,	/* a pipe in which nothing comes; the client has the
			   caller's */
	INPUT_SERVICES	/* the caller's; the client has /dev/null */
};

struct launch {
	struct options		*options;	/* not owned */
	struct log		 log;
	struct signals		 signals;	/* the caller's settings */
	enum handoff		 handoff;
	enum audience		 audience;	/* of the service */
	enum input		 input;
	struct listeners	 listeners;
	pid_t			 addressee;	/* listen_fds_addressee() */
	char			**command;	/* expanded; owned */
	char			*script;	/* -c, expanded; owned; NULL */
	struct environment	 environment;	/* from exec_prepare() */
	struct port_files	*files;		/* not owned */
	/* In the background process of -b: to the first one; owned; 0: none. */
	int			 background;
};

/*
 * The outcome of a run.  executed: COMMAND was executed, so the files and unix
 * paths are to stay.  With -c the run is over and executed is false.
 */
struct outcome {
	int	status;		/* the exit status */
	int	signal;		/* portexec is to die of it; 0: none */
	bool	executed;
};

#endif
