/* SPDX-License-Identifier: ISC */
/* Numbers in decimal, as printf(3) has them. */

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "unit.h"

static const uint64_t numbers[] = { 0, 1, 9, 10, 65535, UINT32_MAX,
    UINT64_MAX };

START_TEST(is_that_of_printf)
{
	char text[NUMBER_MAX], expected[32];

	snprintf(expected, sizeof(expected), "%" PRIu64, numbers[_i]);
	ck_assert_str_eq(number_text(numbers[_i], text), expected);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "number", is_that_of_printf, LENGTH(numbers) },
	};

	return run_units("number", units, LENGTH(units));
}
