/* SPDX-License-Identifier: ISC */
/*
 * nothing [stay]: the service of the launches: says on the FIFO that REPORT
 * names when it began, and ends; or waits until it is ended.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "now.h"

int
main(int argc, char *argv[])
{
	const char *report = getenv("REPORT");
	int64_t when;
	int fd;

	when = now();
	if (report == NULL || (fd = open(report, O_WRONLY | O_CLOEXEC)) == -1)
		return 1;
	if (write(fd, &when, sizeof(when)) != sizeof(when))
		return 1;
	if (argc == 2 && strcmp(argv[1], "stay") == 0)
		pause();
	return 0;
}
