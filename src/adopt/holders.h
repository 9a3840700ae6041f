/* SPDX-License-Identifier: ISC */
#ifndef HOLDERS_H
#define HOLDERS_H

/*
 * Which process holds which listener.  A process holds a listener when it was
 * given the listener's socket at bind(2).
 *
 * A process that the keeper cannot read has to bind the port itself.  The
 * listener is then yielded to the process, and does not listen meanwhile.
 */

#include <sys/types.h>

#include <stdbool.h>

#include "adopt/adoption.h"
#include "adopt/caller.h"

struct holder {
	struct holder	*next;
	struct adoption	*adoption;
	struct listener	*listener;	/* NULL: was yielded, is reclaimed */
	pid_t		 process;
	int		 pidfd;		/* owned; -1: its end is not noticed */
	struct event_source source;	/* of pidfd */
	int		 fd;		/* the replaced one, in the process */
	union address	 asked;		/* the address passed to bind(2) */
	bool		 yielded;	/* instead of holding the listener */
};

/*
 * What to look for.  A member that is 0 or NULL matches every holder, except
 * yielded, which has to be equal.
 */
struct holder_key {
	bool			 yielded;
	pid_t			 process;
	const struct listener	*listener;
	const union address	*asked;
	const union address	*other;		/* asked for any but this */
};

/* Returns a holder that matches, or NULL. */
struct holder	*holders_find(const struct adoption *adoption,
    const struct holder_key *key);

/*
 * Records that the calling process, whose descriptor fd was replaced, holds
 * the listener for the address asked, in place of another address that it held
 * the listener for.  When the process ends, the listener listens again.  If
 * another socket listens on the port by then, the listener is closed.  A
 * datagram socket stays as it is.  Without memory nothing is recorded.
 */
void	holders_add(struct adoption *adoption, struct listener *listener,
    struct caller *caller, int fd, const union address *asked);

/*
 * Yields the listener to the calling process, by shutdown(2).  The listener
 * listens again when that process has ended, or when it is to be given to
 * another one.  Returns whether it was yielded to nobody until now.
 */
bool	holders_yield(struct adoption *adoption, struct listener *listener,
    struct caller *caller);

/* Whether the listener is yielded to a process. */
bool	holders_is_yielded(const struct adoption *adoption,
    const struct listener *listener);

/*
 * Makes a yielded listener listen again.  It is then yielded to nobody.
 * Returns false if it cannot listen, because another socket, such as that of
 * the process that it was yielded to, listens on the port.
 */
bool	holders_reclaim(struct adoption *adoption, struct listener *listener);

/*
 * Whether the calling process has the listener's socket open.  The copy that
 * was passed at fd 3 and up does not count, because the service may not know of
 * it, unless a bind(2) has replaced that descriptor.
 */
bool	holders_uses(const struct adoption *adoption,
    const struct caller *caller, const struct listener *listener);

/* Whether holders_uses() is true of any descendant and any listener. */
bool	holders_any(const struct adoption *adoption);

#endif
