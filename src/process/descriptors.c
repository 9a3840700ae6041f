/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>

#include <unistd.h>

#include "process/descriptors.h"

enum { FDS_MAX = 1 << 20 };	/* that are closed one by one */

void
descriptors_close(int first, int end, const struct rlimit *limit)
{
	int fd, most = limit->rlim_cur < FDS_MAX ? (int)limit->rlim_cur :
	    FDS_MAX;

	if (first < end && syscall(SYS_close_range, first, end - 1, 0) == -1)
		for (fd = first; fd < end && fd < most; fd++)
			close(fd);
}
