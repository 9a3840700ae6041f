#ifndef BIND_CALL_H
#define BIND_CALL_H

/*
 * One bind() of the service, from its notification to its answer.
 *
 * The service runs under a filter (filter.h) that reports bind().  Where one
 * names a port of ours, our socket takes the place of the service's own
 * descriptor and the call answers 0.  Every other continues untouched.  The
 * service's memory is only read.
 */

#include <sys/types.h>

#include "adopt/adoption.h"

/*
 * Tries whether the memory of child can be read, which shares nothing with
 * us but was forked from us: 0, or -1 and errno.
 */
int	bind_call_try(pid_t child);

/* Answers one bind(), once adoption->notify is readable. */
void	bind_call_answer(struct adoption *adoption);

#endif
