/* SPDX-License-Identifier: ISC */
#ifndef SECONDS_H
#define SECONDS_H

/* Times, as they are said: "1.234", "0.7", "3". */

#include <stdint.h>

struct seconds {
	char	text[24];
};

/*
 * Returns the milliseconds, which are not negative, as seconds with that many
 * decimals, 0 to 3.  What is less is cut off.
 */
struct seconds	seconds_text(int64_t milliseconds, int decimals);

#endif
