/* SPDX-License-Identifier: ISC */
#ifndef HOLDERS_H
#define HOLDERS_H

/*
 * Which sockets bind(2) was answered with, and which process holds which.  A
 * socket is held while a process that was given it, or a descendant of such a
 * process, has it open.  The copy that was passed at fd 3 and up does not
 * count, because the service may not know of it, unless a bind(2) has replaced
 * that descriptor.
 *
 * A process that the keeper cannot read has to bind the port itself.  The
 * listener is then yielded to the process, and does not listen meanwhile.
 */

#include <sys/types.h>

#include <stdbool.h>

#include "adopt/adoption.h"
#include "adopt/caller.h"
#include "adopt/match.h"

struct holder {
	struct holder	*next;
	struct adoption	*adoption;
	struct listener	*listener;	/* NULL: was yielded, is reclaimed */
	ino_t		 socket;	/* the listener's, or a second one */
	pid_t		 process;	/* that was given it; 0: it has ended */
	int		 pidfd;		/* owned; -1: its end is not noticed */
	struct event_source source;	/* of pidfd */
	int		 fd;		/* the replaced one, in the process */
	struct request	 asked;		/* what was passed to bind(2) */
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
	ino_t			 socket;
	const union address	*asked;
};

/* Returns a holder that matches, or NULL. */
struct holder	*holders_find(const struct adoption *adoption,
    const struct holder_key *key);

/*
 * Records that the calling process, whose descriptor fd was replaced with the
 * socket of that inode number, holds it for what it asked for.  The socket is
 * the listener's, or stands beside it.  When the process ends, the listener
 * listens again, if the socket is the listener's.  If another socket listens on
 * the port by then, the listener is closed.  A datagram socket stays as it is.
 * Without memory nothing is recorded.
 */
void	holders_add(struct adoption *adoption, struct listener *listener,
    ino_t socket, struct caller *caller, int fd, const struct request *asked);

/*
 * Returns a process that has the holder's socket open, so that it is held; or
 * 0.  A process that the keeper cannot read counts if it is the one that was
 * given the socket, or a descendant.
 */
pid_t	holders_who_holds(const struct holder *holder);

/*
 * Returns whether the listener's own socket is held.  Forgets the holders of
 * which none holds it any more.
 */
bool	holders_is_held(struct adoption *adoption,
    const struct listener *listener);

/* Whether a socket of that type and port is held. */
bool	holders_have_port(const struct adoption *adoption, int type,
    unsigned port);

/* Whether any socket is held. */
bool	holders_any(struct adoption *adoption);

/*
 * Forgets all that hold the listener's own socket: the service has shut it
 * down.
 */
void	holders_release(struct adoption *adoption,
    const struct listener *listener);

/* Forgets the holder, and frees it. */
void	holders_forget(struct holder *holder);

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

#endif
