#ifndef ADOPTION_H
#define ADOPTION_H

/*
 * The state of adopt, in the keeper: the listening sockets that the service
 * is given at bind(), who holds them, and which clients wait for them.
 */

#include <stdint.h>

#include "base/log.h"
#include "cli/options.h"
#include "process/events.h"
#include "socket/listener.h"

struct holder;
struct queue_watch;

struct adoption {
	int			 notify;	/* the filter's; owned; -1: none */
	bool			 killable;	/* WAIT_KILLABLE_RECV */
	struct listeners	*listeners;
	const struct maps	*maps;
	const struct log	*log;
	const char		*service;	/* its name, for messages */
	struct events		*events;
	struct holder		*holders;	/* owned; see holders.h */
	struct queue_watch	*watches;	/* owned; see waiting.h */
	char			 last_foreign_bind[ADDR_MAX];	/* or "" */
	bool			 said_unreadable;	/* once is enough */
	bool			 said_deaf;
	int64_t			 adopted_at;	/* events_clock(); 0: never */
};

/* Whether the listener is open, and not for datagrams. */
bool	adoption_can_listen(const struct listener *listener);

/* Whether the listener is open, and for TCP. */
bool	adoption_is_tcp(const struct listener *listener);

/* The inode of a socket of this process; 0 where fd is -1. */
ino_t	adoption_inode(int fd);

/* The listener whose socket has the inode; NULL where none has. */
const struct listener	*adoption_find(const struct adoption *adoption,
    ino_t inode);

/*
 * Has a listener listen again, with its full queue, after the service called
 * shutdown(2) or listen(2) on it, or ended.  Where there is no filter the
 * socket is the service's own: nothing is done.  Returns false where it does
 * not listen, as where another socket listens on the port by now.
 */
bool	adoption_listen(struct adoption *adoption, struct listener *listener);

/*
 * Closes a listener, whoever else has its socket: clients are refused.  Not
 * one that portexec inherited, which belongs to the caller: only our copy is
 * closed.
 */
void	adoption_close(struct listener *listener);

/* The same for all listeners. */
void	adoption_close_all(struct adoption *adoption);

#endif
