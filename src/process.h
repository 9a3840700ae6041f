#ifndef PROCESS_H
#define PROCESS_H

/*
 * The descendants of this process, which is to be a subreaper
 * (PR_SET_CHILD_SUBREAPER): then all of them are found, those included that
 * left for a session of their own or whose parent has ended.
 */

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Sends number to every descendant, 0 only counts; returns how many there
 * are, zombies included.  One that is forked meanwhile may be missed: call
 * again until none is left.  No recycled pid is hit.
 */
size_t	processes_signal(int number);

/*
 * Reaps every child that has ended.  Stores the status of pid, in the terms
 * of wait(2), if it was among them.  Returns whether a child is left.
 */
bool	processes_reap(pid_t pid, int *status, bool *ended);

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t	process_clock(void);

#endif
