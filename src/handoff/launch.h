#ifndef LAUNCH_H
#define LAUNCH_H

/*
 * One run of portexec: everything between the command line and the service,
 * and what came of it.
 */

#include <stdbool.h>

#include "base/log.h"
#include "cli/options.h"
#include "handoff/environment.h"
#include "handoff/port_file.h"
#include "handoff/template.h"
#include "process/signals.h"
#include "socket/listener.h"

/* Exit statuses of portexec's own, as env(1) and timeout(1) have them. */
enum {
	STATUS_FAILED = 125,		/* portexec failed */
	STATUS_CANNOT_EXECUTE = 126,	/* COMMAND could not be executed */
	STATUS_NOT_FOUND = 127		/* COMMAND was not found */
};

struct launch {
	struct options		*options;
	struct log		 log;
	struct signals		 signals;
	enum handoff		 handoff;
	enum audience		 audience;	/* the service */
	struct listeners	 listeners;
	char			**command;	/* expanded; owned */
	char			*script;	/* the client's; owned; NULL */
	struct environment	 environment;	/* of exec_prepare() */
	struct port_files		*files;
};

/* What came of a run. */
struct outcome {
	int	status;		/* the exit status */
	int	signal;		/* that portexec is to die of; 0: none */
	bool	executed;	/* COMMAND was: files and paths are its own */
};

#endif
