/* SPDX-License-Identifier: ISC */
#ifndef BIND_CALL_H
#define BIND_CALL_H

/*
 * What one bind(2) of the service is answered with.
 *
 * The service runs under a filter (filter.h) that reports bind(2) to the
 * keeper.  If the call matches a listener (match.h), the listener's socket
 * replaces the service's own, and the call returns 0.  Any other call continues
 * in the kernel.  The memory of the calling process is only read.
 */

#include <sys/types.h>

#include "adopt/adoption.h"
#include "adopt/examine.h"

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
 * Puts a socket of ours in the place of the calling process's own, if the
 * bind(2) is for one.  Returns what the call is to return: 0, EADDRINUSE, or
 * CONTINUE_CALL.
 */
int	bind_call_decide(struct adoption *adoption, struct call *call);

#endif
