/* SPDX-License-Identifier: ISC */
#ifndef EXPLAIN_H
#define EXPLAIN_H

/*
 * Why a COMMAND could not be executed, and what may have been meant.
 */

#include "handoff/launch.h"

/*
 * Fills failure for command, which execve(2) refused with that error.  Looks
 * for its file along the PATH of environ(7).
 */
void	explain_execute(const struct options *options, char *const command[],
    int error, struct failure *failure);

#endif
