#ifndef HANDOFF_H
#define HANDOFF_H

/*
 * Turns the process into the service.
 */

#include "environment.h"
#include "listener.h"
#include "message.h"

/* Exit statuses of our own, as env(1) and timeout(1) have them. */
enum {
	STATUS_FAILED = 125,		/* portexec failed */
	STATUS_CANNOT_EXECUTE = 126,	/* COMMAND could not be executed */
	STATUS_NOT_FOUND = 127		/* COMMAND was not found */
};

/*
 * Moves each listener's socket to its number, 3 and up, and lets it be
 * inherited; closes what the caller had open there.  Returns 0, or -1.
 */
int	handoff_sockets(struct listeners *listeners,
    const struct console *console, struct failure *failure);

/* Lets the reserves be inherited, at whatever numbers they are, and closes
 * the rest.  Returns 0, or -1. */
int	handoff_reserves(struct listeners *listeners, struct failure *failure);

/*
 * Executes command, searched for along the PATH of environment.  Returns
 * only where that failed, STATUS_NOT_FOUND or STATUS_CANNOT_EXECUTE, with
 * the reason in failure.
 */
int	handoff_exec(char *const command[],
    const struct environment *environment, struct failure *failure);

#endif
