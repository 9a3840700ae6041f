/* SPDX-License-Identifier: ISC */
#ifndef PROCFS_H
#define PROCFS_H

/*
 * Reads the files and folders of proc(5).  Uses no malloc(3): the processes
 * that are left must be found and stopped even when memory is short.  Uses no
 * scanf(3): in a static program it links the code that reads floating point.
 */

#include <sys/types.h>

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

enum { PROCFS_NAME_MAX = 64, PROCFS_STAT_MAX = 512 };

/* Words of procfs_stat(): fields of proc_pid_stat(5), less 3. */
enum { STAT_STATE = 0, STAT_PARENT = 1, STAT_FLAGS = 6, STAT_STACK = 25 };

struct procfs {
	int	fd;			/* close-on-exec; -1: not open */
	size_t	at, length;		/* untaken data: from at to length */
	_Alignas(struct dirent) char	data[1024];
};

/*
 * Opens the file or folder whose name below /proc is given by format.  Close
 * it with procfs_close().  Returns 0, or -1 and errno; then procfs_text() and
 * procfs_entry() find nothing.
 */
int	procfs_open(struct procfs *file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void	procfs_close(struct procfs *file);

/*
 * Reads a file up to the next byte that is end (a newline, for example) or to
 * its last byte.  Stores this without end, cut to size - 1 bytes, and a NUL.
 * Returns false when the file is at its end.
 */
bool	procfs_text(struct procfs *file, char end, char *text, size_t size);

/*
 * Stores the next entry of a folder that is a number: a pid, a thread, a
 * descriptor.  Returns false when none is left.
 */
bool	procfs_entry(struct procfs *folder, int *number);

/*
 * Stores the name of the process, which comm of proc(5) has; "?" if it is
 * unknown.
 */
void	procfs_name(pid_t pid, char name[PROCFS_NAME_MAX]);

/*
 * Stores what follows the name in proc_pid_stat(5), which begins with the
 * letter of the state.  Returns false if there is no such process.
 */
bool	procfs_stat(pid_t pid, char text[PROCFS_STAT_MAX]);

/*
 * Returns whether the first thread of the process has begun to exit, or is a
 * zombie: do_exit() of kernel/exit.c sets PF_EXITING before it closes the
 * descriptors.  It may have left other threads behind, which go on.
 */
bool	procfs_exits(pid_t pid);

/*
 * Returns whether word n of line, counted from 0, is a number in that base,
 * and stores it.  Blanks and colons separate words.
 */
bool	procfs_number(const char *line, unsigned n, int base,
    unsigned long long *number);

/*
 * Returns whether signo is in a signal set of the process: "SigIgn:" or
 * "ShdPnd:" of proc_pid_status(5).
 */
bool	procfs_signal(pid_t pid, const char *label, int signo);

#endif
