/* SPDX-License-Identifier: ISC */
#ifndef TREE_H
#define TREE_H

/*
 * Finds the descendants of this process.  The process must be a
 * subreaper (PR_SET_CHILD_SUBREAPER of prctl(2)).  Then descendants are found
 * even in a session of their own, and after their parent has ended.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Returns whether /proc is mounted and has the pids of our pid namespace. */
bool	tree_is_visible(void);

/*
 * Calls visit for every descendant, children before their parent.  Returns
 * how many there are, zombies included.  A process that is forked meanwhile
 * may be missed.  Descendants more than a hundred generations away are
 * missed; they come nearer when the processes between have ended.
 */
size_t	tree_visit(void (*visit)(pid_t pid, pid_t parent, void *context),
    void *context);

/* The same without process skipped and its descendants; 0: none. */
size_t	tree_visit_but(pid_t skipped,
    void (*visit)(pid_t pid, pid_t parent, void *context), void *context);

/* Returns whether process pid descends from the other process. */
bool	tree_is_below(pid_t pid, pid_t other);

/*
 * Returns a pidfd of process pid if parent is its parent, else -1.  The pidfd
 * is close-on-exec and is to be closed with close(2).  It is opened before
 * the parent is looked up in /proc.  So it is not the pidfd of another process
 * that was given a recycled pid.  If parent is this process, pid must be a
 * child that it has not reaped, and nothing is looked up.
 */
int	tree_open_child(pid_t pid, pid_t parent);

#endif
