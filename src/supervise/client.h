/* SPDX-License-Identifier: ISC */
#ifndef CLIENT_H
#define CLIENT_H

/*
 * The client of -c, in the keeper: when it starts, when it has to end, and how
 * portexec ends with it.
 */

#include <stdbool.h>

#include "supervise/run.h"

/*
 * Returns how portexec is to end, as a status of wait(2):
 *	the client ended first
 *		as the client did
 *	the service was over first, or failed as the client ended
 *		with the service's status, or 128+N if signal N killed it; if
 *		its status is 0, as the client did, or with 125 if the client
 *		had to be stopped
 *	portexec was told to stop
 *		as the client did, or killed by the stop signal if the client
 *		had to be stopped
 *	the client could not be executed, or -t has run out
 *		with 125
 * Makes no system call.
 */
int	client_ending(const struct run *run);

/*
 * Checks, before the service is executed, that under reserve it can be seen
 * when the client may start.  Returns 0, or -1 and failure.
 */
int	client_try(struct failure *failure);

/* Whether any socket listens on the reserved port of the watch's listener. */
bool	client_is_served(const struct watch *watch);

/*
 * Moves the run on: starts the client, notices which of the two ended first,
 * the service or the client, and begins the stop.  Call this whenever a child
 * may have ended, and when client_timeout() has gone by.
 */
void	client_step(struct run *run);

/*
 * Sends the signals of a stop that are due.  Returns the milliseconds until
 * client_step() is to be called again, or -1 if only an event can change
 * anything.
 */
int	client_timeout(struct run *run);

#endif
