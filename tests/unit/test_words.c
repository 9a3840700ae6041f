/* SPDX-License-Identifier: ISC */
/* A list of words in one text. */

#include <string.h>

#include "base/words.h"
#include "unit.h"

static const struct {
	const char	*list, *word;
	bool		 there;
} rows[] = {
	{ "a", "a", true },
	{ "a,bc,d", "a", true },
	{ "a,bc,d", "bc", true },
	{ "a,bc,d", "d", true },
	{ "a,bc,d", "b", false },
	{ "a,bc,d", "c", false },
	{ "a,bc,d", "bcd", false },
	{ "a,bc,d", "a,bc", false },
	{ "a,bc,d", "", false },
	{ "a,b c", "b c", true },
};

START_TEST(is_found_as_a_whole)
{
	ck_assert_int_eq(rows[_i].there, words_have(rows[_i].list,
	    rows[_i].word, strlen(rows[_i].word)));
}
END_TEST

START_TEST(ends_at_the_length)
{
	ck_assert(words_have("ab,c", "abc", 2));
	ck_assert(!words_have("ab,c", "abc", 3));
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "found", is_found_as_a_whole, LENGTH(rows) },
		{ "length", ends_at_the_length, 1 },
	};

	return run_units("words", units, LENGTH(units));
}
