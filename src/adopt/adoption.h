/* SPDX-License-Identifier: ISC */
#ifndef ADOPTION_H
#define ADOPTION_H

/*
 * The state of adopt, in the keeper: the listeners that the service is given
 * at bind(2), which processes hold them, and whether clients wait.  Also how a
 * listener listens again, and how it is closed.
 */

#include <sys/types.h>

#include <stdint.h>

#include "adopt/caller.h"
#include "adopt/queue.h"
#include "base/log.h"
#include "cli/options.h"
#include "process/events.h"
#include "socket/listener.h"

struct holder;
struct kept_options;
struct option_kind;

/* What the keeper knows of one listener. */
struct watch {
	struct adoption		*adoption;
	struct listener		*listener;
	struct event_source	 source;	/* see waiting.h */
	/*
	 * Clients: since when one waits, events_clock(), or 0; whether one has
	 * come at all; whether nothing is to be watched any more, as one was
	 * taken; whether the socket was given at bind(2).
	 */
	int64_t			 since;
	bool			 reached, settled, given;
	struct queue		 queue;
	char			*said;	/* owned; see hang.h; or NULL */
	bool			 held_back;	/* listens once it is given */
	bool			 parked;	/* see datagrams_join() */
	int			 first;	/* likewise; owned; -1: none */
	int64_t			 beside;	/* see waiting_bound() */
	bool			 touched;	/* its options may be others */
	ino_t			 seen;	/* listens on a reserved port; or 0 */
	int64_t			 seen_at;	/* since when, events_clock() */
	struct kept_options	*options;	/* owned; see kept_options.h */
	int			 flags;	/* F_GETFL, at the beginning */
	bool			 share_port, share_address; /* likewise */
};

/* Where a filter reports calls. */
struct reporter {
	int	 notify;	/* owned; -1: nobody is under that filter */
	bool	 is_clients;	/* the client's, and not the service's */
	bool	 killable;	/* see filter_install() */
	pid_t	 caller;	/* the thread that called last; or 0 */
	unsigned in_a_row;	/* see choose_wakeup() */
	/*
	 * The last one that connected to us, if its thread was the process's
	 * first: while that process is there, no other has its number.
	 */
	struct caller	connected;	/* owned; pidfd is -1: none */
};

enum { BESIDE_MAX = 8 };

/* Under --map any: ports that were bound by number after the one was taken. */
struct beside {
	struct {
		unsigned	 port;	/* each once */
		bool		 said;	/* see further.h */
	}		 list[BESIDE_MAX];
	size_t		 count;
};

struct adoption {
	struct reporter		 services, clients;
	struct listeners	*listeners;
	struct maps		*maps;
	bool			 has_unix;	/* one of listeners is */
	bool			 passes;	/* listeners, at fd 3 and up */
	const struct log	*log;
	char *const		*command;	/* COMMAND and its arguments */
	const char		*node_options;	/* NODE_OPTIONS; or NULL */
	int			 events;	/* see events_open() */
	uint64_t		 network;	/* SO_NETNS_COOKIE; or 0 */
	bool			 is_apart;	/* listeners are in another */
	ino_t			 namespace;	/* see caller_network() */
	struct holder		*holders;	/* owned; see holders.h */
	struct watch		*watches;	/* owned; one a listener */
	int64_t			 look_at;	/* see waiting_step() */
	struct option_kind	*kinds;	/* owned; see kept_options.h */
	bool			 waits_changed;	/* see hang_step() */
	unsigned		 calls;	/* of bind(2) that were seen */
	struct beside		 beside;
	bool			 has_ring;	/* io_uring_setup(2) was seen */
	bool			 said_unreadable;	/* it is said once */
	bool			 said_deaf;	/* likewise, of epoll */
	bool			 said_unmet;	/* likewise, of connect(2) */
	bool			 stopping;	/* no line about what goes on */
	pid_t			 said_refused;	/* of whom it was said last */
	int64_t			 adopted_at;	/* events_clock(); 0: never */
};

/* Whether the listener is open and not for datagrams: listen(2) is possible. */
bool	adoption_can_listen(const struct listener *listener);

/* Whether the listener is open, and for TCP. */
bool	adoption_is_tcp(const struct listener *listener);

/* Whether the listener's socket has the option of SOL_SOCKET now. */
bool	adoption_has(const struct listener *listener, int option);

/* Sets the inode number of the listener's socket. */
void	adoption_learn_socket(struct listener *listener);

/* Whether the listener is open, and its socket has the inode number. */
bool	adoption_is_socket(const struct listener *listener, ino_t inode);

/* Returns the listener whose socket has the inode number, or NULL. */
const struct listener	*adoption_find(const struct adoption *adoption,
    ino_t inode);

/* Returns what the keeper knows of the listener. */
struct watch	*adoption_watch(const struct adoption *adoption,
    const struct listener *listener);

/*
 * Puts fd in the place of the listener's socket, which is closed; -1: nothing.
 * fd belongs to the listener then.
 */
void	adoption_replace(struct adoption *adoption, struct listener *listener,
    int fd);

/*
 * Calls listen(2) again, with the listener's own backlog, after the service
 * called shutdown(2) or listen(2) on the socket, or ended.  Does nothing if
 * the listener is closed or for datagrams, nor without a filter: then the
 * socket is left to the service.  Returns false if listen(2) fails: another
 * socket listens on the port by now.
 */
bool	adoption_listen(struct adoption *adoption, struct listener *listener);

/*
 * Closes a listener.  First ends the listening of its socket, whichever
 * processes have it open, so that clients are refused.  A socket that portexec
 * inherited belongs to our caller: only the keeper's descriptor is closed, as
 * for a datagram socket.  The reserve stays open.
 */
void	adoption_close(struct adoption *adoption, struct listener *listener);

/* Calls adoption_close() for all listeners. */
void	adoption_close_all(struct adoption *adoption);

/*
 * Closes every listener whose unix path was removed or replaced, as the
 * process that calls bind() does before it binds the path itself.
 */
void	adoption_close_lost_paths(struct adoption *adoption, pid_t process);

#endif
