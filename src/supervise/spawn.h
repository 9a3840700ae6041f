/* SPDX-License-Identifier: ISC */
#ifndef SPAWN_H
#define SPAWN_H

/*
 * The two children of the keeper, until execve(2).  The service waits on its
 * channel until it is released, and sends the reason there if it cannot
 * execute.  The client of -c is made when it is to start.
 */

#include <sys/resource.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "adopt/adoption.h"
#include "handoff/launch.h"
#include "supervise/channel.h"

struct child {
	pid_t	pid;		/* 0: not forked */
	int	channel;	/* the service's; owned; -1: it was executed */
	int	silence;	/* the service's: the other end of INPUT_SILENT;
				   owned; -1: not that */
	bool	ended;		/* and was reaped */
	int	status;		/* of wait(2), once it has ended */
	int64_t	started_at, ended_at;	/* on events_clock() */
};

/*
 * Forks the service, which joins the process group and closes two descriptors
 * of the keeper's: front and signals.  Under adopt it installs the filter.
 * Then it sends MSG_READY, and waits for MSG_GO.  Call this before the keeper
 * closes the caller's descriptors, which the service inherits.  With
 * INPUT_SILENT makes the pipe.  Returns 0, or -1 with the reason in failure.
 */
int	child_fork(struct child *service, struct launch *launch, pid_t group,
    int front, int signals, struct failure *failure);

/*
 * Waits until the service's process is ready.  Under adopt tries to read its
 * memory, and stores the filter's notification fd in adoption, which owns it.
 * Returns 0; or -1 with the reason in failure if adopt is impossible here, or
 * if /proc does not show our descendants.
 */
int	child_try(const struct child *service, const struct launch *launch,
    struct adoption *adoption, struct failure *failure);

/*
 * Has the service execute, waits for its execve(2), and closes the channel to
 * it.  Returns 0; or the exit status, with the reason in failure.
 */
int	child_release(struct child *service, struct failure *failure);

/*
 * Executes the client in a new process, which joins the process group, and has
 * the limit files of descriptors.  If there is --map, installs a filter there,
 * and stores its notification fd in reporter, which owns it.  If the channel
 * front says that the front is gone, it ends instead.  It shares the keeper's
 * memory, and the keeper sleeps, until execve(2).  Call this before the keeper
 * closes the caller's descriptors, which the client inherits.  Returns 0; or -1
 * with the reason in failure, and then the child may be there to be reaped.
 */
int	child_execute(struct child *client, struct launch *launch, int front,
    pid_t group, const struct rlimit *files, struct reporter *reporter,
    struct failure *failure);

/*
 * Reaps all children of this process that have ended, and records the end of
 * those in the list.  Returns whether any child is left.
 */
bool	children_reap(struct child *const list[], size_t count);

#endif
