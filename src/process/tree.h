#ifndef TREE_H
#define TREE_H

/*
 * The descendants of this process, which is to be a subreaper
 * (PR_SET_CHILD_SUBREAPER): then all of them are found, those included that
 * left for a session of their own or whose parent has ended.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Whether /proc is there, and shows the processes as we number them. */
bool	tree_is_visible(void);

/*
 * Calls visit for every descendant, the deepest first; returns how many
 * there are, zombies included.  One that is forked meanwhile may be missed,
 * and so is what is a hundred generations away: when those between have ended
 * it is near.
 */
size_t	tree_visit(void (*visit)(pid_t pid, pid_t parent, void *context),
    void *context);

/*
 * Sends number to every descendant: call again until none is left.  No
 * recycled pid is hit.  Returns how many there were.
 */
size_t	tree_signal(int number);

/*
 * The same for root, a child of ours, and its descendants: it comes first,
 * so that it ends of the signal, not of what that did to its children.
 */
void	tree_signal_from(pid_t root, int number);

/*
 * A pidfd of a process whose parent is given, close-on-exec, owned by the
 * caller; or -1.  The pidfd is opened before the parent is asked: so it is
 * not of another process that got a recycled pid.
 */
int	tree_open_child(pid_t pid, pid_t parent);

#endif
