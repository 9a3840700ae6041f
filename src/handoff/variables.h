/* SPDX-License-Identifier: ISC */
#ifndef VARIABLES_H
#define VARIABLES_H

/*
 * The variables that -b prints, NAME=value a line: PORTEXEC_PORT, PORTEXEC_PID
 * and those of -e.  Makes no system call.
 */

#include <sys/types.h>

#include "handoff/launch.h"

/*
 * Checks, after exec_prepare(), that every shell reads a line as an assignment
 * of the value as it is.  Returns 0, or -1 with the reason in failure.
 */
int	variables_check(const struct launch *launch, struct failure *failure);

/*
 * Stores the lines in *lines, which is to be freed with free(3), and their
 * length in *length.  PORTEXEC_PORT is the first socket's, and left out if that
 * is a unix socket; PORTEXEC_PID is pid.  Of a variable that -e sets twice, the
 * last value counts.  Returns 0, or -1 and errno ENOMEM; then *lines is NULL.
 */
int	variables_make(const struct launch *launch, pid_t pid, char **lines,
    size_t *length);

#endif
