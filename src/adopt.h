#ifndef ADOPT_H
#define ADOPT_H

/*
 * The service's bind() answered with our listening socket.
 *
 * The service runs under a filter (filter.h) that reports bind().  Where one
 * names a number of ours, our socket takes the place of the service's own
 * descriptor and the call answers 0; every other goes on untouched.  The
 * service's memory is only read.
 */

#include <poll.h>
#include <stdint.h>

#include "decision.h"
#include "listener.h"
#include "message.h"

enum { ADOPT_POLLS_BEFORE = 3 };	/* the keeper's own */

struct gift;
struct patience;

struct adoption {
	int			 notify;	/* the filter's; owned */
	bool			 killable;	/* WAIT_KILLABLE_RECV */
	struct listeners	*listeners;
	const struct maps	*maps;
	const struct console	*console;
	const char		*service;	/* its name, for messages */
	struct gift		*gifts;		/* owned; who got what */
	size_t			 gift_count;
	char			 elsewhere[ADDR_MAX];	/* what it bound */
	bool			 said_unreadable, said_epoll;	/* once */
	int64_t			 taken_at;	/* process_clock(); 0: never */
	struct patience		*patience;	/* owned; with each listener */
	struct pollfd		*polls;		/* owned; adopt_poll()'s */
};

/* Readies adoption, whose other members are set.  0, or -1 and errno. */
int	adopt_begin(struct adoption *adoption);

/*
 * Whether the memory of child, a process that shares nothing of ours but
 * was forked from us, can be read: 0, or -1 and errno.
 */
int	adopt_try(pid_t child);

/* Answers one bind(), once adoption->notify is readable. */
void	adopt_answer(struct adoption *adoption);

/*
 * What to poll(2) besides notify: fills in adoption->polls behind the first
 * ADOPT_POLLS_BEFORE, which are the caller's, and returns how many there are
 * with those.  After poll(2), adopt_attend() looks at them: a listener that
 * was shut down, or whose taker has ended, listens again with its full queue;
 * clients that wait for nobody are spoken of.
 */
nfds_t	adopt_poll(struct adoption *adoption);
void	adopt_attend(struct adoption *adoption);

/* Milliseconds until adopt_attend() wants to be called again; -1: never. */
int	adopt_timeout(const struct adoption *adoption);

/*
 * Whether any descendant holds one of the sockets, other than the copy at
 * fd 3 and up, of which it may know nothing.
 */
bool	adopt_is_held(const struct adoption *adoption);

/* Ends all listening, whoever holds the sockets: clients are refused. */
void	adopt_close_sockets(struct adoption *adoption);

#endif
