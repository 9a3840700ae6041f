/* SPDX-License-Identifier: ISC */
#ifndef SPAWN_H
#define SPAWN_H

/*
 * The two children of the keeper, from fork(2) to execve(2): the service and,
 * with -c, the client.  Each waits on its channel until it is released.  If it
 * cannot execute, it sends the reason there.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "adopt/adoption.h"
#include "handoff/launch.h"
#include "supervise/channel.h"

struct child {
	const char	*name;		/* for messages */
	/* Called in the child; see below. */
	void		(*become)(struct launch *launch, int channel);
	pid_t		 pid;		/* 0: not forked */
	int		 channel;	/* owned; -1: not forked, or executed */
	bool		 ended;		/* and was reaped */
	int		 status;	/* of wait(2), once it has ended */
	int64_t		 started_at, ended_at;	/* on events_clock() */
};

/*
 * In a child: waits on channel for MSG_GO, then becomes the service or the
 * client.  On a failure sends MSG_FAILED and exits.  service_main() first
 * installs the filter under adopt, and sends MSG_READY.
 */
void	service_main(struct launch *launch, int channel)
    __attribute__((noreturn));
void	client_main(struct launch *launch, int channel)
    __attribute__((noreturn));

/*
 * Forks the child, which joins the process group and closes two descriptors of
 * the keeper's: front and children.  Call this before the keeper closes the
 * caller's descriptors, which the child inherits.  Returns 0, or -1 with the
 * reason in failure.
 */
int	child_fork(struct child *child, struct launch *launch, pid_t group,
    int front, int children, struct failure *failure);

/*
 * Waits until the service's process is ready.  Under adopt tries to read its
 * memory, and stores the filter's notification fd in adoption, which owns it.
 * Returns 0; or -1 with the reason in failure if adopt is impossible here, or
 * if /proc does not show our descendants.
 */
int	child_try(const struct child *service, const struct launch *launch,
    struct adoption *adoption, struct failure *failure);

/* Tells a child to execute.  Returns 0, or an errno value. */
int	child_release(const struct child *child);

/*
 * Waits for the execve(2) of a child, and closes the channel to it.  error is
 * what child_release() returned.  Returns 0; or -1 with the exit status in
 * message->value and the reason in message->failure.
 */
int	child_await_exec(struct child *child, int error,
    struct message *message);

/*
 * Reaps all children of this process that have ended, and records the end of
 * those in the list.  Returns whether any child is left.
 */
bool	children_reap(struct child *const list[], size_t count);

#endif
