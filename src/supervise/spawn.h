#ifndef SPAWN_H
#define SPAWN_H

/*
 * The two children of the keeper, from fork(2) to execve(2): the service and,
 * with -c, the client.  Each waits on a channel until it is released, and
 * says there why it could not execute.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "adopt/adoption.h"
#include "handoff/launch.h"
#include "supervise/channel.h"

struct child {
	const char	*name;		/* for messages */
	/* In the child: never returns, whatever fails. */
	void		(*become)(struct launch *launch, int channel)
			    __attribute__((noreturn));
	pid_t		 pid;		/* 0: not made */
	int		 channel;	/* to it; owned; -1: none, or executed */
	bool		 ended;
	int		 status;	/* wait(2)'s, once it has ended */
	int64_t		 started_at, ended_at;	/* on events_clock() */
};

/* What the children become. */
void	service_main(struct launch *launch, int channel)
    __attribute__((noreturn));
void	client_main(struct launch *launch, int channel)
    __attribute__((noreturn));

/*
 * Forks the child, into the process group, while the caller's descriptors are
 * all there to be inherited.  The child closes the keeper's own, front and
 * children.  0, or -1 with the reason in failure.
 */
int	child_fork(struct child *child, struct launch *launch, pid_t group,
    int front, int children, struct failure *failure);

/*
 * Waits for the service's process to be under the filter, and stores the
 * filter's listener in adoption; meanwhile tries to read its memory.  0; or
 * -1, with the reason in failure, where adopt, or finding what descends from
 * us, is impossible here.
 */
int	child_try(const struct child *service, const struct launch *launch,
    struct adoption *adoption, struct failure *failure);

/* Tells a child to execute: 0, or errno. */
int	child_release(const struct child *child);

/*
 * Waits for the execve(2) of a child that was released, error being what
 * child_release() returned, and closes the channel.  0; or -1, and message,
 * of kind MSG_FAILED, has the exit status and the reason.
 */
int	child_await_exec(struct child *child, int error,
    struct message *message);

/*
 * Reaps all children that have ended, and notes the end of those in the list.
 * Returns whether any child is left.
 */
bool	children_reap(struct child *const list[], size_t count);

#endif
