#ifndef PROCFS_H
#define PROCFS_H

/*
 * The text files of proc(5).  Not with scanf(3), which in a static program
 * brings along all that reads floating point: an eighth of the whole.
 */

#include <stdbool.h>
#include <stdio.h>

/*
 * Opens a file for reading, close-on-exec, for fclose(3); its name below
 * /proc is formatted.  NULL and errno where that fails.
 */
FILE	*procfs_open(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * Whether word n of line, from 0, is a number in that base, which it stores
 * then.  Blanks and colons are between words.
 */
bool	procfs_number(const char *line, unsigned n, int base,
    unsigned long long *number);

#endif
