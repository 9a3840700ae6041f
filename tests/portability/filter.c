/* SPDX-License-Identifier: ISC */
/* Prints the filter, an instruction a line: code, jt, jf, k. */

#include <stdio.h>

#include "adopt/filter.h"

int
main(void)
{
	struct sock_filter filter[FILTER_MAX];
	const struct architecture *rows;
	size_t i, count = filter_native(&rows);

	count = filter_make(filter, rows, count,
	    REPORT_BIND | REPORT_CONNECT);
	for (i = 0; i < count; i++)
		printf("%#x %u %u %#x\n", filter[i].code, filter[i].jt,
		    filter[i].jf, filter[i].k);
	return 0;
}
