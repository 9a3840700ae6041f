/* SPDX-License-Identifier: ISC */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

/*
 * The environment of the service and of the client: LISTEN_* (see
 * sd_listen_fds(3)) and the variables of -e.
 */

#include "cli/options.h"
#include "handoff/template.h"
#include "socket/listen_fds.h"

/*
 * A list of "NAME=value" that ends with NULL.  Its strings belong to made, or
 * to the environ(7) from which it was made.
 */
struct environment {
	char	**list;		/* owned */
	size_t	 count;
	char	**made;		/* owned; so are its strings */
	size_t	 made_count;
};

/*
 * Fills environment with variables, except the LISTEN_* of the protocol.  Then
 * adds portexec's own LISTEN_*, then the -e of options, expanded for audience.
 *
 * For the service, self is the process that will execute it, and audience
 * says how sockets are passed.  AUDIENCE_WITHOUT_FDS gets only LISTEN_PORT and
 * LISTEN_PORTS.  AUDIENCE_INETD gets no LISTEN_*.  --no-pid leaves out
 * LISTEN_PID and LISTEN_PIDFDID.  For the client, self is NULL: it gets
 * LISTEN_PORT and LISTEN_PORTS, whatever the audience.
 *
 * Returns 0, or -1 with the reason in failure.  Either way environment_free()
 * frees environment.  variables must live as long as environment.
 */
int	environment_make(struct environment *environment,
    char *const variables[], const struct listeners *listeners,
    const struct options *options, enum audience audience,
    const struct identity *self, struct failure *failure);

/* Frees everything that environment owns. */
void	environment_free(struct environment *environment);

#endif
