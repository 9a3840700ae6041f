/* SPDX-License-Identifier: ISC */
/* A buffer: what is appended, and what there is no room for. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "unit.h"

static const struct {
	const char	*text;
	unsigned long	 number;
	const char	*whole;
} texts[] = {
	{ "", 0, "0" },
	{ "port ", 4711, "port 4711" },
	{ "", 18446744073709551615UL, "18446744073709551615" },
};

/* So long that no memory could hold it: the text is not looked at. */
static const size_t lengths[] = { SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX };

START_TEST(appends)
{
	struct buffer buffer = { 0 };
	size_t length;
	char *text;

	buffer_append_string(&buffer, texts[_i].text);
	buffer_append_number(&buffer, texts[_i].number);
	ck_assert_int_eq(buffer_finish(&buffer, &text, &length), 0);
	ck_assert_str_eq(text, texts[_i].whole);
	ck_assert_uint_eq(length, strlen(texts[_i].whole));
	free(text);
}
END_TEST

START_TEST(has_no_room)
{
	struct buffer buffer = { 0 };
	char none[] = "", *text = none;

	buffer_append_string(&buffer, "x");
	buffer_append(&buffer, "y", lengths[_i]);
	buffer_append_string(&buffer, "z");
	ck_assert_int_eq(buffer_finish(&buffer, &text, NULL), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_null(text);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "appends", appends, LENGTH(texts) },
		{ "room", has_no_room, LENGTH(lengths) },
	};

	return run_units("buffer", units, LENGTH(units));
}
