#ifndef CLIENT_H
#define CLIENT_H

/*
 * A run with a client, -c: when the client starts, when it has to end, and
 * what the run comes to.
 */

#include <stdbool.h>

#include "supervise/run.h"

/*
 * How portexec is to end, as a status of wait(2): as the client did.  Where
 * the service was over first: with the service's status, 128+N for a
 * signal; and where that is 0, as the client did, if it ended by itself,
 * else with 125.  Told to stop, and the client had to be stopped: killed by
 * that signal.  Where the client could not be executed: 125.  Pure.
 */
int	client_ending(const struct run *run);

/*
 * Moves the run on: starts the client, sees who ends first, begins the stop.
 * To be called whenever something may have changed, and after
 * client_timeout() milliseconds; -1 is without a limit.
 */
void	client_step(struct run *run);
int	client_timeout(const struct run *run);

#endif
