#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

/*
 * The LISTEN_* protocol of sd_listen_fds(3), both ways: what portexec was
 * passed, and what it passes on.
 */

#include <sys/types.h>

#include <stdint.h>

#include "listener.h"
#include "options.h"
#include "template.h"

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

/* Who will read LISTEN_*. */
struct identity {
	pid_t		pid;
	uint64_t	pidfd_id;	/* 0: there is none */
};

/*
 * This process: its pid, and the inode number of its pidfd where that is
 * unique to the process, on pidfs (Linux 6.9), the same after exec.
 */
struct identity	environment_identify(void);

/*
 * Whether variables, an environ(7), pass sockets to self: LISTEN_PID is its
 * pid, LISTEN_PIDFDID is its own or absent.  Stores their number, and their
 * names in one piece of memory that the caller frees; an empty name, and all
 * where the counts differ, are "unknown".  *count is 0 where nothing
 * is passed.  Returns 0, or -1 without memory.
 */
int	environment_inherited(char *const variables[],
    const struct identity *self, size_t *count, char ***names,
    struct failure *failure);

/*
 * The variable of those that name passed sockets, so portexec's alone to
 * set, whose name is the length bytes at name; or NULL.
 */
const char	*environment_reserved(const char *name, size_t length);

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
    const struct options *options, enum reader reader,
    const struct identity *self, struct failure *failure);

void	environment_free(struct environment *environment);

#endif
