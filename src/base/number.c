/* SPDX-License-Identifier: ISC */
#include "base/number.h"

char *
number_text(uint64_t number, char text[NUMBER_MAX])
{
	char *first = &text[NUMBER_MAX - 1];

	*first = '\0';
	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	return first;
}
