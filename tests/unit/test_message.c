/* fail(): what it stores is one line, cut to fit before the reason. */

#include <errno.h>
#include <string.h>

#include "message.h"
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

/* The lengths of an argument after "open ", around the end of the text. */
static const struct {
	size_t		 length;
	int		 error;
	size_t		 kept;		/* of the whole text */
	const char	*end;
} lengths[] = {
	{ MESSAGE_MAX - 7, 0, MESSAGE_MAX - 2, "aaa" },
	{ MESSAGE_MAX - 6, 0, MESSAGE_MAX - 1, "aaa" },
	{ MESSAGE_MAX - 5, 0, MESSAGE_MAX - 1, "aaa" },
	{ 4 * MESSAGE_MAX, 0, MESSAGE_MAX - 1, "aaa" },
	{ MESSAGE_MAX - 6 - 27, ENOENT, MESSAGE_MAX - 1,
	    "a: No such file or directory" },
	{ MESSAGE_MAX - 6 - 26, ENOENT, MESSAGE_MAX - 1,
	    "a: No such file or directory" },
	{ 4 * MESSAGE_MAX, ENOENT, MESSAGE_MAX - 1,
	    "a: No such file or directory" },
};

START_TEST(cuts_what_is_too_long)
{
	char *argument = malloc(lengths[_i].length + 1);
	const char *end = lengths[_i].end;
	struct failure failure;

	ck_assert_ptr_nonnull(argument);
	memset(argument, 'a', lengths[_i].length);
	argument[lengths[_i].length] = '\0';
	fail(&failure, lengths[_i].error, "open %s", argument);
	free(argument);
	ck_assert_uint_eq(strlen(failure.text), lengths[_i].kept);
	ck_assert_str_eq(failure.text + lengths[_i].kept - strlen(end), end);
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
		{ "once more", replaces_an_earlier_text, 1 },
	};

	return run_units("message", units, LENGTH(units));
}
