/* SPDX-License-Identifier: ISC */
#ifndef FRONT_H
#define FRONT_H

/*
 * The front: the process that the caller started, where portexec stays.
 *
 * The front forwards signals, and ends as the service ended, or with -c as
 * client_ending() says.  Its child, the keeper, is in a process group of its
 * own: it holds the sockets, answers bind(2), and is the parent of the service
 * and of the client.  These two are in the keeper's process group: a signal to
 * the front's group does not reach them beside the one that is passed on.
 * Where there is a controlling terminal they are in the front's group: they
 * read the terminal, get its keys, and are a job of the shell.  witness.h says
 * how they are told once then.
 *
 * The service is not the front itself, because the keeper has to read the
 * address that the service passes to bind(2).  This needs permission to
 * ptrace(2), which Yama grants only to an ancestor
 * (PTRACE_MODE_ATTACH_REALCREDS).
 *
 * Front and keeper are both subreapers.  When one of them is gone, the other
 * sees end-of-file on the channel between them and stops the rest.  So
 * SIGKILL of either leaves nothing behind.
 */

#include "base/log.h"
#include "handoff/exec.h"
#include "supervise/witness.h"

struct front {
	struct launch	*launch;	/* not owned */
	pid_t		 keeper;
	struct witness	 witness;
	int		 channel;	/* to the keeper; owned */
	int		 signals;	/* signalfd(2) of front_run(); owned */
};

/*
 * Makes the keeper and its children, which wait to be executed.  Under adopt
 * the service is under the filter then, and the keeper has read its memory as
 * a trial.  Returns 0; or -1 with the reason in failure if this is impossible
 * here, and then no process is left.
 */
int	front_start(struct front *front,
    struct launch *launch, struct failure *failure);

/* Ends what front_start() made.  Call this instead of front_run(). */
void	front_abandon(struct front *front);

/*
 * Has the keeper execute the service, and waits for the end of the run.
 * Returns the outcome.  If the service could not be executed, or the keeper is
 * gone, the reason is in failure.  Otherwise its text is empty.
 */
struct outcome	front_run(struct front *front, struct launch *launch,
    struct failure *failure);

#endif
