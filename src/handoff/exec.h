#ifndef EXEC_H
#define EXEC_H

/*
 * Turns this process into the service.
 */

#include "handoff/launch.h"

/*
 * Makes the service's environment, for this process.  Asks nothing of the
 * sockets but their addresses, so there may be a while until it is the
 * service.  Returns 0, or -1 with the reason in failure.
 */
int	exec_prepare(struct launch *launch, struct failure *failure);

/*
 * Makes this process, which is prepared, the service: its sockets at fd 3 and
 * up (or one at 0 and 1, or the reserves, at whatever numbers they are), its
 * signals; what the caller had open at those numbers is closed.  Where the
 * service is to start on demand it first waits for the first connection or
 * datagram, and takes neither.  Returns only where that failed, with the
 * exit status, and the reason in failure; or where a signal came first, of
 * which the process is to die.
 */
struct outcome	exec_service(struct launch *launch, struct failure *failure);

/*
 * Makes this process the client, `sh -c script`, which has the service's
 * environment but for the sockets.  Returns only where that failed, with
 * STATUS_FAILED, the client being none of the caller's commands, and the
 * reason in failure.
 */
struct outcome	exec_client(struct launch *launch, struct failure *failure);

/*
 * Whether COMMAND, searched for along the PATH that the service will have,
 * runs with another's rights, which no_new_privs would deny it.
 */
bool	exec_is_set_id(const struct launch *launch);

#endif
