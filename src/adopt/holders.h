#ifndef HOLDERS_H
#define HOLDERS_H

/*
 * Which process holds which listener: it was given the socket at bind().  Or
 * the listener was yielded to it, a process that the keeper cannot read: it
 * is to bind the port itself, and nothing of ours listens meanwhile.
 */

#include <sys/types.h>

#include <stdbool.h>

#include "adopt/adoption.h"
#include "adopt/caller.h"

struct holder {
	struct holder	*next;
	struct adoption	*adoption;
	struct listener	*listener;
	pid_t		 process;
	int		 pidfd;		/* owned; -1: its end is not seen */
	int		 fd;		/* the process's, that was replaced */
	union address	 asked;		/* for this address */
	bool		 yielded;	/* it was given nothing */
};

/* What to look for; a member that is 0 or NULL matches all but yielded. */
struct holder_key {
	bool			 yielded;
	pid_t			 process;
	const struct listener	*listener;
	const union address	*asked;
	const union address	*other;		/* asked for another one */
};

/* The first holder that matches, or NULL. */
struct holder	*holders_find(const struct adoption *adoption,
    const struct holder_key *key);

/*
 * Notes that the caller, whose descriptor fd was replaced, holds the listener
 * for the address that it asked for.  When the process ends, the listener
 * listens again with its full queue.  Without memory nothing is noted.
 */
void	holders_add(struct adoption *adoption, struct listener *listener,
    const struct caller *caller, int fd, const union address *asked);

/*
 * Yields the listener to the caller, by shutdown(2).  It listens again when
 * that process has ended, or another one is to be given it.  Returns whether
 * it listened until now.
 */
bool	holders_yield(struct adoption *adoption, struct listener *listener,
    const struct caller *caller);

/* Whether the listener is yielded to any process. */
bool	holders_is_yielded(const struct adoption *adoption,
    const struct listener *listener);

/*
 * Has a listener that is yielded listen again.  Returns false where it cannot:
 * the process to which it was yielded listens on the port itself.
 */
bool	holders_reclaim(struct adoption *adoption, struct listener *listener);

/*
 * Whether the process has the listener's socket open, other than as the copy
 * that was passed at fd 3 and up: of that the service may know nothing.
 */
bool	holders_uses(const struct adoption *adoption,
    const struct caller *caller, const struct listener *listener);

/* The same, for any descendant and any listener. */
bool	holders_any(const struct adoption *adoption);

#endif
