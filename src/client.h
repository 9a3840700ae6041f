#ifndef CLIENT_H
#define CLIENT_H

/*
 * What a run with a client comes to.
 */

#include <stdbool.h>

#include "tree.h"

/* Service and client once both have ended, or were never started. */
struct ending {
	struct child	service, client;
	bool		service_first;	/* the service was over first */
	bool		forced;		/* the client was stopped by us */
	bool		failed;		/* the client could not be executed */
	int		told;		/* the signal that told us to stop; 0 */
};

/*
 * How portexec is to end, as a status of wait(2): as the client did.  Where
 * the service was over first: with the service's status, 128+N for a
 * signal; and where that is 0, as the client did, if it ended by itself,
 * else with 125.  Told to stop, and the client had to be stopped: killed by
 * that signal.  Where the client could not be executed: 125.  Pure.
 */
int	client_ending(const struct ending *ending);

/*
 * Whether no socket of this network namespace listens on the TCP number yet:
 * tells of a reserved one, without a connection, when its service is there
 * (proc_net_tcp(5)).
 */
bool	client_awaits(unsigned port);

#endif
