/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "process/standard.h"

/* While the reader has the write end open too, there is no end-of-file. */
int
standard_silence_input(void)
{
	char path[64];
	int ends[2], fd;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	close(ends[0]);
	close(ends[1]);
	if (fd == -1)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd == -1 || dup2(fd, STDIN_FILENO) == -1)
		return -1;
	if (fd == STDIN_FILENO)
		return fcntl(fd, F_SETFD, 0);
	close(fd);
	return 0;
}

int
standard_leave_output(void)
{
	int fd;

	if (dup2(STDERR_FILENO, STDOUT_FILENO) != -1)
		return 0;
	if (errno != EBADF)
		return -1;
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd == -1 || dup2(fd, STDOUT_FILENO) == -1)
		return -1;
	close(fd);
	return 0;
}
