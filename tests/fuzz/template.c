/* SPDX-License-Identifier: ISC */
/*
 * Any text: what it expands to has no placeholder that was overlooked, each
 * line expands by itself, and the readers get the same but for what one of
 * them may not have.
 */

#include "fuzz.h"
#include "handoff/template.h"

enum { READERS = AUDIENCE_SHELL + 1 };

/* No value has a bracket, or an end or a beginning of a known word. */
static struct listener sockets[] = {
	{ .name = "web", .port = 8080, .host = "127.0.0.1",
	    .addr = "127.0.0.1:8080" },
	{ .name = "ctl", .addr = "./c t l" },
	{ .name = "six", .port = 4711, .host = "::1", .addr = "[::1]:4711" },
	{ .name = "0" },
};

static const struct listeners some = { sockets, 4 };
static const struct listeners none = { NULL, 0 };

struct result {
	int	 status;
	char	*text;		/* owned */
	size_t	 length;
};

/* Of a copy without a NUL after it: reading on is seen by ASan. */
static struct result
expand(const char *text, size_t length, const struct listeners *listeners,
    enum audience audience)
{
	struct failure failure = { "" };
	struct result result;
	char *copy = malloc(length == 0 ? 1 : length);

	assert(copy != NULL);
	memcpy(copy, text, length);
	result.status = template_expand(copy, length, listeners, audience,
	    &result.text, &result.length, &failure);
	free(copy);
	if (result.status == -1) {
		assert(result.text == NULL);
		check_reason(&failure);
	} else
		assert(result.text[result.length] == '\0');
	return result;
}

static bool
is_same(const struct result *a, const struct result *b)
{
	return a->status == b->status && (a->status == -1 ||
	    (a->length == b->length &&
	    memcmp(a->text, b->text, a->length) == 0));
}

/* How often the word stands in the text, behind any of before if given. */
static size_t
count(const char *text, size_t length, const char *word, const char *before)
{
	const char *at = text, *end = text + length;
	size_t found = 0;

	while ((at = memmem(at, (size_t)(end - at), word,
	    strlen(word))) != NULL) {
		found += before == NULL || (at > text && at[-1] != '\0' &&
		    strchr(before, at[-1]) != NULL);
		at++;
	}
	return found;
}

static void
check_nothing_overlooked(const char *text, size_t length,
    const struct result *result)
{
	static const struct {
		const char	*angle, *end, *literal, *brace;
	} words[] = {
		{ "<port>", "</port>", "<<port>>", "{port}" },
		{ "<host>", "</host>", "<<host>>", "{host}" },
		{ "<addr>", "</addr>", "<<addr>>", "{addr}" },
		{ "<fd>", "</fd>", "<<fd>>", "{fd}" },
	};
	size_t i;

	/* A socket's name may have brackets, and then stand in a literal. */
	if (result->status == -1 || memchr(text, ':', length) != NULL)
		return;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (count(text, length, words[i].end, NULL) == 0)
			assert(count(result->text, result->length,
			    words[i].angle, NULL) <= count(text, length,
			    words[i].literal, NULL));
		assert(count(result->text, result->length, words[i].brace,
		    NULL) <= count(text, length, words[i].brace, "$%#{\\"));
	}
}

/* A brace form after one of these is somebody else's, and stays. */
static void
check_escapes(const char *text, size_t length, const struct result *result)
{
	static const char *const escaped[] = { "${port}", "%{host}",
	    "#{addr}", "#{fd}", "\\{port}" };
	size_t i;

	if (result->status == -1)
		return;
	for (i = 0; i < sizeof(escaped) / sizeof(escaped[0]); i++)
		assert(count(result->text, result->length, escaped[i],
		    NULL) >= count(text, length, escaped[i], NULL));
}

static void
check_readers(unsigned words, const struct result results[READERS])
{
	const struct result *with = &results[AUDIENCE_WITH_FDS];
	const struct result *without = &results[AUDIENCE_WITHOUT_FDS];
	const struct result *shell = &results[AUDIENCE_SHELL];

	if ((words & 1U << PLACEHOLDER_FD) != 0)
		assert(without->status == -1 && shell->status == -1);
	else {
		assert(is_same(with, without));
		assert(is_same(with, &results[AUDIENCE_INETD]));
	}
	assert(with->status == results[AUDIENCE_INETD].status);
	assert(shell->status == -1 || is_same(with, shell));
}

/*
 * A newline is neither in a placeholder nor an escape before one.  What is XML
 * is so from the first line to the last.
 */
static void
check_lines(const char *text, size_t length, const struct result *whole)
{
	const char *end = text + length, *next;
	bool failed = false;
	size_t at = 0;

	for (; text <= end; text = next + 1) {
		struct result line;

		next = memchr(text, '\n', (size_t)(end - text));
		if (next == NULL)
			next = end;
		line = expand(text, (size_t)(next - text), &some,
		    AUDIENCE_WITH_FDS);
		failed = failed || line.status == -1;
		if (whole->status == 0) {
			assert(line.status == 0);
			assert(whole->length - at >= line.length);
			assert(memcmp(whole->text + at, line.text,
			    line.length) == 0);
			at += line.length;
			assert(whole->text[at] == (next == end ? '\0' :
			    '\n'));
			at++;
		}
		free(line.text);
	}
	assert(failed == (whole->status == -1));
	assert(failed || at == whole->length + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	unsigned words = template_placeholders(text, size);
	struct result results[READERS], plain;
	size_t i;

	assert(words < 1U << PLACEHOLDER_COUNT);
	for (i = 0; i < READERS; i++) {
		results[i] = expand(text, size, &some, (enum audience)i);
		check_nothing_overlooked(text, size, &results[i]);
		check_escapes(text, size, &results[i]);
	}
	check_readers(words, results);
	if (memmem(text, size, "</", 2) == NULL)
		check_lines(text, size, &results[AUDIENCE_WITH_FDS]);

	/* Without a word no socket is looked for, and with one it is. */
	plain = expand(text, size, &none, AUDIENCE_WITH_FDS);
	assert((words == 0) == (plain.status == 0));
	if (words == 0)
		assert(plain.length <= size &&
		    is_same(&plain, &results[AUDIENCE_SHELL]));
	free(plain.text);
	for (i = 0; i < READERS; i++)
		free(results[i].text);
	return 0;
}
