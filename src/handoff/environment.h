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
	/* The values of LISTEN_PID and LISTEN_PIDFDID in made; NULL: none. */
	char	*pid, *pidfd_id;
};

/*
 * Fills environment with variables, except the LISTEN_* of the protocol.  Then
 * adds portexec's own LISTEN_*, then the -e of options, expanded for audience.
 *
 * For the service, audience says how sockets are passed.  AUDIENCE_WITHOUT_FDS
 * gets only LISTEN_PORT and LISTEN_PORTS.  AUDIENCE_INETD gets no LISTEN_*.
 * LISTEN_PID and LISTEN_PIDFDID, which --no-pid leaves out, get their values by
 * environment_identify().  The client gets LISTEN_PORT and LISTEN_PORTS,
 * whatever the audience.
 *
 * Returns 0, or -1 with the reason in failure.  Either way environment_free()
 * frees environment.  variables must live as long as environment.
 */
int	environment_make(struct environment *environment,
    char *const variables[], const struct listeners *listeners,
    const struct options *options, enum audience audience, bool for_client,
    struct failure *failure);

/*
 * Fills in LISTEN_PID and LISTEN_PIDFDID, or removes the latter if self has no
 * pidfd_id.  Does nothing if environment has none.  self is the process that
 * will execute the service.  Allocates no memory.
 */
void	environment_identify(struct environment *environment,
    const struct identity *self);

/* Frees everything that environment owns. */
void	environment_free(struct environment *environment);

#endif
