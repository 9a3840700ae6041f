/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>

#include "base/seconds.h"

struct seconds
seconds_text(int64_t milliseconds, int decimals)
{
	static const int units[] = { 1000, 100, 10, 1 };
	struct seconds seconds;

	if (decimals == 0)
		snprintf(seconds.text, sizeof(seconds.text), "%" PRId64,
		    milliseconds / 1000);
	else
		snprintf(seconds.text, sizeof(seconds.text), "%" PRId64
		    ".%0*d", milliseconds / 1000, decimals,
		    (int)(milliseconds % 1000) / units[decimals]);
	return seconds;
}
