#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

/*
 * The LISTEN_* protocol of sd_listen_fds(3), both ways: what portexec was
 * passed, and what it passes on.
 */

#include "cli/options.h"
#include "handoff/template.h"
#include "socket/listen_fds.h"

/*
 * A list of "NAME=value" that ends with NULL.  Its strings are those of the
 * environ(7) that it is made of, and those in made.
 */
struct environment {
	char	**list;		/* owned */
	size_t	 count;
	char	**made;		/* owned, with its strings */
	size_t	 made_count;
};

/*
 * Fills environment with variables less every stale LISTEN_*, then with
 * LISTEN_* for the service, which is the reader and self, then with the -e
 * of options.  Only the ports are told where it is passed no socket, and
 * nothing where it is passed one as under inetd.  self is NULL for the
 * client, which has the ports and no socket whatever the service has.
 * Returns 0, or -1 with the reason in failure; either way environment is
 * for environment_free().
 */
int	environment_make(struct environment *environment,
    char *const variables[], const struct listeners *listeners,
    const struct options *options, enum audience audience,
    const struct identity *self, struct failure *failure);

void	environment_free(struct environment *environment);

#endif
