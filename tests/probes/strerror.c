/* SPDX-License-Identifier: ISC */
/*
 * strerror: what the libc of the program says of each errno, a line "N TEXT"
 * each.  Unlike the other probes it is made as the program is.
 */

#include <stdio.h>
#include <string.h>

enum { ERRORS = 134 };	/* of Linux, but for MIPS's EDQUOT */

int
main(void)
{
	int error;

	for (error = 1; error < ERRORS; error++)
		printf("%d %s\n", error, strerror(error));
	return 0;
}
