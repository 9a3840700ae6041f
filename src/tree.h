#ifndef TREE_H
#define TREE_H

/*
 * The descendants of this process, which is to be a subreaper
 * (PR_SET_CHILD_SUBREAPER): then all of them are found, those included that
 * left for a session of their own or whose parent has ended.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

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

/* How many children this process has, besides one. */
size_t	processes_count_others(pid_t besides);

/* A child whose end matters. */
struct child {
	pid_t	pid;		/* 0: not started */
	bool	ended;
	int	status;		/* then: wait(2)'s */
	int64_t	started_at, ended_at;	/* on process_clock() */
};

/*
 * Reaps every child that has ended, and notes the end of those in the list.
 * Returns whether a child is left.
 */
bool	tree_reap(struct child *const list[], size_t count);

/*
 * A stop of all descendants: TERM, after a time KILL, and some seconds
 * later no more patience with those that even that does not end.  One that
 * was forked at the moment of the TERM is sent its own as soon as it has
 * lost its parent; what a process starts to end in good order is not.
 * process_stop_begin() sends the TERM, process_stop_hasten() has the KILL
 * follow at once; then, until nothing is left or
 * process_stop_goes_on() is false, process_stop_step() is called whenever
 * the milliseconds that it returned have gone by, or a child has ended.
 */
struct stop {
	int64_t	 kill_at, give_up_at;	/* on process_clock() */
	pid_t	*told;			/* got the TERM; owned */
	size_t	 count;
};

void	process_stop_begin(struct stop *stop, int grace);
void	process_stop_hasten(struct stop *stop);
int	process_stop_step(struct stop *stop);
bool	process_stop_goes_on(const struct stop *stop);
void	process_stop_end(struct stop *stop);

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t	process_clock(void);

#endif
