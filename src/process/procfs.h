#ifndef PROCFS_H
#define PROCFS_H

/*
 * The files and folders of proc(5), read without memory of malloc(3)'s:
 * what is left is to be found, and stopped, also where there is none.  Nor
 * with scanf(3), which in a static program brings along all that reads
 * floating point.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

struct procfs {
	int	fd;			/* close-on-exec; -1: not open */
	size_t	at, length;		/* what was read and is not taken */
	_Alignas(struct dirent64) char	data[1024];
};

/*
 * Opens a file or a folder, for procfs_close(); its name below /proc is
 * formatted.  0; or -1 and errno, and then there is nothing in it to be read.
 */
int	procfs_open(struct procfs *file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void	procfs_close(struct procfs *file);

/*
 * Stores what comes next of a file, up to end, a newline say, or its last
 * byte, without end, cut to size - 1 bytes and with a NUL.  False where
 * nothing is left.
 */
bool	procfs_text(struct procfs *file, char end, char *text, size_t size);

/* Stores the next entry of a folder that is a number.  False: none is left. */
bool	procfs_entry(struct procfs *folder, int *number);

/*
 * Whether word n of line, from 0, is a number in that base, which it stores
 * then.  Blanks and colons are between words.
 */
bool	procfs_number(const char *line, unsigned n, int base,
    unsigned long long *number);

#endif
