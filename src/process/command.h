/* SPDX-License-Identifier: ISC */
#ifndef COMMAND_H
#define COMMAND_H

/*
 * Where a command is found, and its execution.  It is execvp(3) under every
 * libc: musl's looks in other folders where PATH is not set, and hands no
 * script without #! to sh.
 */

#include <limits.h>
#include <stdbool.h>

#define COMMAND_PATH	"/bin:/usr/bin"		/* where PATH is not set */

/*
 * Stores the next file that a name without a slash may stand for, and moves
 * *path on, which is NULL after the last one.  An empty part of PATH is the
 * working directory.  Returns false when there is none left.
 */
bool	command_next(const char *name, const char **path, char file[PATH_MAX]);

/*
 * Executes the command with environ.  Returns only if that fails, with errno:
 * EACCES rather than ENOENT, if a file was found that may not be executed.
 */
void	command_execute(char *const command[]);

#endif
