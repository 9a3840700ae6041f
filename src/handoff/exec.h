/* SPDX-License-Identifier: ISC */
#ifndef EXEC_H
#define EXEC_H

/*
 * Turns this process into the service or the client: descriptors into place,
 * then execve(2).
 */

#include "handoff/launch.h"

/*
 * Makes launch->environment for the service, or for the client, in the place
 * of what it was.  The sockets need an address, but need not listen yet.
 * Returns 0, or -1 with the reason in failure.
 */
int	exec_prepare(struct launch *launch, bool for_client,
    struct failure *failure);

/*
 * Tells the service in launch->environment the pid of this process, which
 * will call exec_service().
 */
void	exec_identify(struct launch *launch);

/*
 * Executes COMMAND in this process, after exec_prepare() and exec_identify().
 * With --on-demand, first waits for the first connection or datagram, and
 * leaves it to the service.
 *
 * The sockets become fd 3 and up, or fds 0 and 1 with --inetd; descriptors
 * that the caller had open there are closed.  Under reserve the reserve
 * sockets stay open at whatever fd they have.  AUDIENCE_WITHOUT_FDS under
 * adopt gets none.  The caller's signal settings are restored.
 *
 * Returns only if COMMAND was not executed: with an exit status and the
 * reason in failure; or with the signal that came while it waited, of which
 * the process is to die.
 */
struct outcome	exec_service(struct launch *launch, struct failure *failure);

/*
 * Executes the client in this process, after exec_prepare(): /bin/sh -c
 * script.  It has the environment of the service without the sockets, and the
 * caller's signal settings.  Returns only if that failed, with the reason in
 * failure; environ(7) is the client's then.
 */
void	exec_client(struct launch *launch, struct failure *failure);

/*
 * Returns whether COMMAND, searched for in the PATH of the service, is
 * set-user-ID or set-group-ID: no_new_privs (prctl(2)) would take that away.
 */
bool	exec_is_set_id(const struct launch *launch);

#endif
