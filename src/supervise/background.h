/* SPDX-License-Identifier: ISC */
#ifndef BACKGROUND_H
#define BACKGROUND_H

/*
 * -b: the run goes on in a process of its own, the background process, in a
 * session of its own.  It becomes the service, or is the front.  The process
 * that the caller started waits until COMMAND was executed, prints the
 * variables and ends.
 */

#include "handoff/launch.h"

/*
 * Checks, before anything is opened, that standard output is open.  Returns 0,
 * or -1 with the reason in failure.
 */
int	background_check(struct failure *failure);

/*
 * Forks, once the sockets are bound, the templates expanded and the environment
 * is made.  If a shell would read more than a word in one of the variables, it
 * does not.
 *
 * Returns false in the background process, which goes on with the run.  Its
 * standard input is a silent pipe, its standard output the standard error.
 *
 * Returns true if there is nothing left to do but to exit as outcome says: in
 * the first process, at the end of the wait; or if the fork failed.  Until then
 * the first process passes stop signals on, and removes what the background
 * process has left.
 */
bool	background_start(struct launch *launch, struct outcome *outcome,
    struct failure *failure);

/*
 * In the background process: about to execute COMMAND in this process.  Has to
 * be the last call before exec_service().  Returns 0; or -1 with the reason in
 * failure, if the first process is gone.
 */
int	background_ready(struct launch *launch, struct failure *failure);

/*
 * In the background process, if it is the front: COMMAND was executed.  If the
 * first process is gone, the front gets TERM.
 */
void	background_executed(struct launch *launch);

/*
 * In the background process, after a failure: has the first process report it.
 * Does nothing once COMMAND was executed.
 */
void	background_fail(struct launch *launch, int status,
    struct failure *failure);

#endif
