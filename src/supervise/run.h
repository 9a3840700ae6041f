#ifndef RUN_H
#define RUN_H

/*
 * The state of a run, in the keeper: its processes, what the front says, and
 * how it comes to its end.
 */

#include "adopt/adoption.h"
#include "handoff/launch.h"
#include "process/events.h"
#include "supervise/channel.h"
#include "supervise/spawn.h"
#include "supervise/stop.h"

enum run_state {
	RUN_GOING,	/* service, and client with -c, run */
	RUN_CLOSING,	/* with -c: the client has until the deadline to end */
	RUN_STOPPING	/* all that is left is being stopped */
};

/* With -c: what ended the run. */
enum cause {
	CAUSE_CLIENT,	/* the client ended, or nothing has happened yet */
	CAUSE_SERVICE,	/* the service was over before the client */
	CAUSE_SIGNAL,	/* portexec was told to stop */
	CAUSE_NO_CLIENT	/* the client could not be executed */
};

struct run {
	struct launch	*launch;
	struct adoption	 adoption;
	struct events	 events;
	int		 front;		/* the channel; -1: the front is gone */
	int		 front_slot;	/* of events */
	int		 notify_slot;
	int		 children;	/* a signalfd for SIGCHLD */
	struct child	 service, client;
	enum run_state	 state;
	int64_t		 deadline;	/* on events_clock(), while closing */
	enum cause	 cause;
	int		 stop_signal;	/* that we were told; 0: none */
	int64_t		 stop_time;	/* when */
	bool		 client_killed;	/* it had to be stopped */
	struct stop	 stop;
};

bool	run_has_client(const struct run *run);

/* Gives the client until the deadline, -k from now, to end by itself. */
void	run_close(struct run *run);

/* Begins to stop all descendants, unless that was begun. */
void	run_stop(struct run *run);

/*
 * Hears one message of the front.  A front that is gone without having said
 * MSG_RELEASED was killed: then everything is stopped.  Returns the kind of
 * the message, MSG_FAILED where the front is gone.
 */
enum message_kind	run_hear_front(struct run *run);

/*
 * Hears of all signals that the front was sent before now.  A signal to the
 * whole group may have ended a child, whose end is seen first.
 */
void	run_sync_signals(struct run *run);

/* "ended with status 3", "was killed by signal 9". */
void	run_describe_end(const struct child *child, char *text, size_t size);

/* The seconds from the service's start to a time on events_clock(). */
double	run_seconds(const struct run *run, int64_t when);

/*
 * Tells the front, with MSG_ENDED or MSG_LEFT, as what the run ended: the
 * status of wait(2) of the service, or with -c what client_ending() says.
 */
void	run_tell_end(const struct run *run, enum message_kind kind);

/*
 * Has fds first to last stand for /dev/null.  Where that cannot be opened
 * nothing is changed.
 */
void	replace_with_null(int first, int last);

#endif
