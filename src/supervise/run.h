/* SPDX-License-Identifier: ISC */
#ifndef RUN_H
#define RUN_H

/*
 * The state of a run, in the keeper: its processes, the messages between the
 * keeper and the front, and how the run is brought to its end.
 */

#include "adopt/adoption.h"
#include "base/seconds.h"
#include "handoff/launch.h"
#include "process/events.h"
#include "supervise/channel.h"
#include "supervise/further.h"
#include "supervise/hang.h"
#include "supervise/outside.h"
#include "supervise/spawn.h"
#include "supervise/stop.h"
#include "supervise/witness.h"

enum run_state {
	RUN_GOING,	/* the service runs, and the client of -c */
	RUN_GRACE,	/* the client has until deadline to end by itself */
	RUN_CLIENT,	/* the client was told to stop, the service was not */
	RUN_STOPPING	/* all descendants are being stopped */
};

/* What ended a run with -c. */
enum cause {
	CAUSE_CLIENT,	/* the client ended, or nothing has ended the run yet */
	CAUSE_SERVICE,	/* the service was over before the client */
	CAUSE_SIGNAL,	/* portexec was told to stop */
	CAUSE_NO_CLIENT,	/* the client could not be executed */
	CAUSE_TIMEOUT	/* -t ran out */
};

struct run {
	struct launch	*launch;
	struct failure	*failure;	/* room for a reason; not owned */
	struct adoption	 adoption;
	int		 front;		/* channel; owned; -1: front is gone */
	struct event_source	 front_source, notify_source, clients_source,
				 signals_source, witness_source;
	unsigned	 failures;	/* of events_wait(), in a row */
	bool		 reap;		/* SIGCHLD came: a child has ended */
	bool		 children_left;	/* when children were last reaped */
	int		 signals;	/* signalfd(2): SIGCHLD, stops; owned */
	struct witness	 witness;
	struct child	 service, client;
	pid_t		 group;		/* of both */
	struct rlimit	 files;		/* the caller's RLIMIT_NOFILE */
	enum run_state	 state;
	int64_t		 deadline;	/* of RUN_GRACE, events_clock() */
	int64_t		 port_look_at;	/* may the client start; likewise */
	enum cause	 cause;
	int		 stop_signal;	/* the first one; 0: none */
	int64_t		 stop_time;	/* when it came, events_clock() */
	int		 stop_with;	/* what the service was told; 0: -s */
	bool		 client_killed;	/* the client had to be stopped */
	struct outside	 outside;
	struct pids	 told;		/* have got a stop signal */
	struct stop	 client_stop, stop;
	struct hang	 hang;
	struct further	 further;
};

/* Whether the run has a client: -c. */
bool	run_has_client(const struct run *run);

/* Gives the client the time of -k, from now, to end by itself. */
void	run_begin_grace(struct run *run);

/*
 * Begins to stop the client, as signo came from outside.  Does nothing if this
 * was begun before.
 */
void	run_stop_client(struct run *run, int signo);

/* Begins to stop all descendants.  Does nothing if this was begun before. */
void	run_stop(struct run *run);

/* Stops all descendants by KILL at once. */
void	run_kill(struct run *run);

/*
 * Ends the run with 125, because -t has run out: stops the client, if there is
 * one, and then all that is left.
 */
void	run_time_out(struct run *run);

/*
 * Receives one message from the front, and obeys it.  If the front is gone
 * without MSG_RELEASED it was killed, and all descendants are stopped.
 * Returns the kind of the message, or MSG_FAILED if the front is gone.
 */
enum message_kind	run_hear_front(struct run *run);

/*
 * Learns of all signals that the front has received by now, with MSG_SYNC.
 * Call this when a child has ended: a signal to the whole process group may
 * have ended it, and the keeper may see the end before the front's message.
 * Returns when the front has answered, or is gone.
 */
void	run_sync_signals(struct run *run);

/*
 * Writes how the child ended, at most size bytes: "ended with status 3",
 * "was killed by signal 9".
 */
void	run_describe_end(const struct child *child, char *text, size_t size);

/*
 * Returns the seconds from the service's start to when, a time of
 * events_clock(), which is not before it; see seconds_text().
 */
struct seconds	run_seconds(const struct run *run, int64_t when, int decimals);

/*
 * Returns the status of wait(2) with which the run ends: the service's, or with
 * -c, and where -t ran out, that of client_ending().
 */
int	run_ending(const struct run *run);

/*
 * Sends the front the status with which the run ended.  kind is MSG_ENDED or
 * MSG_LEFT.  Does nothing if the front is gone.
 */
void	run_tell_end(const struct run *run, enum message_kind kind);

/*
 * Closes the caller's descriptors, except standard error.  Call this when the
 * last child was made that inherits them.
 */
void	run_close_callers(const struct run *run);

#endif
