/* SPDX-License-Identifier: ISC */
/* fail(): what it stores is one line, and a long one keeps its reason. */

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "unit.h"

static const struct {
	int		 error;
	const char	*argument, *text;	/* of "open %s" */
} texts[] = {
	{ 0, "x", "open x" },
	{ 0, "", "open " },
	{ ENOENT, "x", "open x: No such file or directory" },
	{ EADDRINUSE, "x: y", "open x: y: Address already in use" },
	{ 0, "%s%n", "open %s%n" },
	{ 0, "a\nb", "open a?b" },
	{ EACCES, "a\nb\n", "open a?b?: Permission denied" },
	{ 0, "\r\t\033[31m\177", "open ???[31m?" },
	{ 0, "\001\037 ~", "open ?? ~" },
	{ 0, "\xc3\xa9", "open \xc3\xa9" },
};

START_TEST(stores_text_and_reason)
{
	struct failure failure;

	errno = EINTR;
	ck_assert_int_eq(fail(&failure, texts[_i].error, "open %s",
	    texts[_i].argument), -1);
	ck_assert_str_eq(failure.text, texts[_i].text);
	ck_assert_int_eq(errno, texts[_i].error);
}
END_TEST

/* How long an argument is, how the text ends, and whether it was cut. */
static const struct {
	size_t		 length;
	const char	*end;
	int		 error;
	bool		 cut;
} lengths[] = {
	{ LOG_MAX / 2, "aaaa", 0, false },
	{ LOG_MAX - 6, "aaaa", 0, false },
	{ LOG_MAX - 5, "aaaa", 0, true },
	{ LOG_MAX, "aaaa", 0, true },
	{ 10000, "aaaa", 0, true },
	{ LOG_MAX - 33, "a: No such file or directory", ENOENT, false },
	{ LOG_MAX - 32, "a: No such file or directory", ENOENT, true },
	{ 10000, "a: Operation now in progress", EINPROGRESS, true },
	{ 10000, "a: Invalid or incomplete multibyte or wide character",
	    EILSEQ, true },
};

START_TEST(cuts_what_is_too_long)
{
	char *argument = malloc(lengths[_i].length + 1);
	const char *end = lengths[_i].end;
	struct failure failure;
	size_t length;

	ck_assert_ptr_nonnull(argument);
	memset(argument, 'a', lengths[_i].length);
	argument[lengths[_i].length] = '\0';
	fail(&failure, lengths[_i].error, "open %s", argument);
	free(argument);
	length = strlen(failure.text);
	ck_assert_uint_lt(length, LOG_MAX);
	ck_assert_uint_ge(length, LOG_MAX / 2);
	ck_assert_int_eq(strncmp(failure.text, "open aaaa", 9), 0);
	ck_assert_str_eq(failure.text + length - strlen(end), end);
	ck_assert_int_eq(strstr(failure.text, "a...a") != NULL,
	    lengths[_i].cut);
}
END_TEST

/* At no length is the reason lost, or the text longer than it may be. */
START_TEST(keeps_the_reason_at_any_length)
{
	static const char reason[] = ": Permission denied";
	char argument[LOG_MAX + 64] = "";
	struct failure failure;
	size_t length;

	for (length = 0; length < sizeof(argument) - 1; length++) {
		fail(&failure, EACCES, "%s", argument);
		ck_assert_uint_lt(strlen(failure.text), LOG_MAX);
		ck_assert_uint_ge(strlen(failure.text), sizeof(reason) - 1);
		ck_assert_str_eq(strrchr(failure.text, ':'), reason);
		argument[length] = 'a';
	}
}
END_TEST

START_TEST(replaces_an_earlier_text)
{
	struct failure failure;

	fail(&failure, ENOENT, "a long text that was there before");
	fail(&failure, 0, "%s %d", "short", -1);
	ck_assert_str_eq(failure.text, "short -1");
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "text and reason", stores_text_and_reason, LENGTH(texts) },
		{ "too long", cuts_what_is_too_long, LENGTH(lengths) },
		{ "any length", keeps_the_reason_at_any_length, 1 },
		{ "once more", replaces_an_earlier_text, 1 },
	};

	return run_units("log", units, LENGTH(units));
}
