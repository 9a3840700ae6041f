/* SPDX-License-Identifier: ISC */
#ifndef STANDARD_H
#define STANDARD_H

/*
 * The standard descriptors of a process that nobody has at a terminal.
 */

/*
 * Standard input becomes a pipe that is open for reading and writing: nobody
 * writes to it, and it never says end-of-file.  Without /proc it becomes
 * /dev/null.  Returns 0, or -1 and errno.
 */
int	standard_silence_input(void);

/*
 * Standard output becomes what standard error is, so that $(...) does not wait
 * for this process; or /dev/null, if that is closed.  Returns 0, or -1 and
 * errno.
 */
int	standard_leave_output(void);

#endif
