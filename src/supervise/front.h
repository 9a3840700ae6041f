#ifndef FRONT_H
#define FRONT_H

/*
 * Two processes around a service that stays apart from portexec:
 *
 * The front is what the caller started.  It forwards signals and ends as
 * the service ended.  The keeper is its child, in a process group of its
 * own; it holds the sockets, answers bind() and is the service's parent.
 * The service is in the front's process group.  It is not the front itself:
 * to read the address of a bind() takes the right to trace, which under
 * Yama only an ancestor has (ptrace(2), PTRACE_MODE_ATTACH_REALCREDS).
 *
 * Both are subreapers, and each sees end-of-file on the channel between
 * them when the other is gone, so SIGKILL of one leaves nothing behind.
 */

#include "base/log.h"
#include "handoff/exec.h"

struct front {
	pid_t	keeper;
	int	channel;	/* to the keeper; owned */
	int	signals;	/* a signalfd; owned; front_run()'s */
};

/*
 * In the front: makes keeper and service.  The service is under the filter,
 * its memory was read as a trial, and it waits.  Returns 0; or -1, with the
 * reason in failure, where that is impossible here, and nothing is left.
 */
int	front_start(struct front *front,
    struct launch *launch, struct failure *failure);

/* Ends what front_start() made; instead of front_run(). */
void	front_abandon(struct front *front);

/*
 * Lets the service be executed, and waits for its end.  Returns its exit
 * status and the signal that killed it.  Where the service could not be
 * executed, or the keeper is gone, the reason is in failure, whose text is
 * empty otherwise.
 */
struct outcome	front_run(struct front *front, struct launch *launch,
    struct failure *failure);

#endif
