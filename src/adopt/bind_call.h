/* SPDX-License-Identifier: ISC */
#ifndef BIND_CALL_H
#define BIND_CALL_H

/*
 * One bind(2) of the service, from the notification to the answer.
 *
 * The service runs under a filter (filter.h) that reports bind(2) to the
 * keeper.  If the call matches a listener (match.h), the listener's socket
 * replaces the service's own, and the call returns 0.  Any other call continues
 * in the kernel.  The memory of the calling process is only read.
 */

#include <sys/types.h>

#include "adopt/adoption.h"

/*
 * Tries to read the memory of child, which was forked from this process and
 * has not called execve(2) yet.  Returns 0, or -1 and the errno of
 * process_vm_readv(2).
 */
int	bind_call_try(pid_t child);

/*
 * Learns what the answers need, ahead of the first.  Call this when the service
 * has been started and does not wait for the keeper.
 */
void	bind_call_begin(struct adoption *adoption);

/*
 * Answers one bind(2), or takes note of an io_uring_setup(2), which goes on.
 * Call this when adoption->notify is readable.
 */
void	bind_call_answer(struct adoption *adoption);

#endif
