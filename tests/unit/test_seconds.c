/* SPDX-License-Identifier: ISC */
/* Times, as they are said. */

#include "base/seconds.h"
#include "unit.h"

static const struct {
	int64_t		 milliseconds;
	int		 decimals;
	const char	*text;
} rows[] = {
	{ 0, 0, "0" }, { 0, 3, "0.000" }, { 7, 3, "0.007" }, { 7, 1, "0.0" },
	{ 799, 1, "0.7" }, { 999, 0, "0" }, { 1234, 2, "1.23" },
	{ 61050, 3, "61.050" }, { 900000, 0, "900" },
	{ INT64_MAX, 3, "9223372036854775.807" },
};

START_TEST(is_cut_off)
{
	ck_assert_str_eq(seconds_text(rows[_i].milliseconds,
	    rows[_i].decimals).text, rows[_i].text);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "seconds", is_cut_off, LENGTH(rows) },
	};

	return run_units("seconds", units, LENGTH(units));
}
