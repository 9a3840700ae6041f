/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/words.h"
#include "handoff/lookalike.h"

static const struct {
	char	name[5], placeholder[7];
	bool	may_be_mistyped;	/* {id} is not {fd} */
} words[] = {
	{ "port", "{port}", true },
	{ "addr", "{addr}", true },
	{ "host", "{host}", true },
	{ "fd", "{fd}", false },
};

/* The brackets that others have, the longest first. */
static const struct {
	char	open[3], close[3];
	bool	ours;	/* a word in them is one only if mistyped */
} brackets[] = {
	{ "{{", "}}", false },
	{ "${", "}", false },
	{ "{", "}", true },
	{ "<", ">", true },
	{ "%", "%", false },
	{ "$", "", false },
};

/* One letter away from ours, and words in templates of others. */
static bool
is_a_word(const char *text, size_t length)
{
	return words_have("post,part,sort,pot,for,fort,pore,pork,por,ports,"
	    "hosts,ghost,most,cost,lost,hot,add,addrs", text, length);
}

/* Whether one letter more, less or other, or two changed places, make name. */
static bool
is_mistyped(const char *text, size_t length, const char *name)
{
	size_t size = strlen(name), same = 0, at;

	while (same < length && same < size && text[same] == name[same])
		same++;
	at = same;
	if (length == size && at + 1 < size && text[at] == name[at + 1] &&
	    text[at + 1] == name[at])
		return memcmp(text + at + 2, name + at + 2,
		    size - at - 2) == 0;
	if (length == size)
		return at < size && memcmp(text + at + 1, name + at + 1,
		    size - at - 1) == 0;
	if (length == size + 1)
		return memcmp(text + at + 1, name + at, size - at) == 0;
	return length + 1 == size &&
	    memcmp(text + at, name + at + 1, length - at) == 0;
}

static const char *
find_word(const char *text, size_t length, bool ours, bool blanks)
{
	bool same, similar;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		same = strlen(words[i].name) == length &&
		    strncasecmp(text, words[i].name, length) == 0;
		if (same && ours && !blanks &&
		    strncmp(text, words[i].name, length) == 0)
			return NULL;
		similar = ours && words[i].may_be_mistyped &&
		    !is_a_word(text, length) &&
		    is_mistyped(text, length, words[i].name);
		if (same || similar)
			return words[i].placeholder;
	}
	if (!ours && length == 11 && strncmp(text, "LISTEN_PORT", 11) == 0)
		return "{port}";
	return NULL;
}

static bool
may_begin(const char *text, size_t at)
{
	if (at == 0 || strchr("=:@", text[at - 1]) != NULL)
		return true;
	return at > 1 && text[at - 1] == '/' && text[at - 2] == '/';
}

/* Whether one stands at text[at]; stores it with its brackets. */
static const char *
recognise(const char *text, size_t at, char found[LOOKALIKE_MAX])
{
	const char *word, *end, *placeholder;
	size_t i, length, size;
	bool blanks;

	for (i = 0; i < sizeof(brackets) / sizeof(brackets[0]); i++) {
		size = strlen(brackets[i].open);
		if (strncmp(text + at, brackets[i].open, size) != 0)
			continue;
		word = text + at + size;
		blanks = *word == ' ';
		word += strspn(word, " ");
		for (end = word; isalpha((unsigned char)*end) || *end == '_';
		    end++)
			;
		length = (size_t)(end - word);
		end += blanks ? strspn(end, " ") : 0;
		size = strlen(brackets[i].close);
		if (length == 0 || strncmp(end, brackets[i].close, size) != 0)
			continue;
		end += size;
		if (*end != '\0' && strchr("/:@,", *end) == NULL)
			continue;
		placeholder = find_word(word, length, brackets[i].ours,
		    blanks);
		length = (size_t)(end - (text + at));
		if (placeholder == NULL || strchr(end, ' ') != NULL ||
		    length >= LOOKALIKE_MAX)
			continue;
		memcpy(found, text + at, length);
		found[length] = '\0';
		return placeholder;
	}
	return NULL;
}

const char *
lookalike_find(const char *text, char found[LOOKALIKE_MAX])
{
	const char *placeholder;
	size_t at;

	for (at = 0; text[at] != '\0' && !isspace((unsigned char)text[at]);
	    at++)
		if (strchr("{<$%", text[at]) != NULL && may_begin(text, at) &&
		    (placeholder = recognise(text, at, found)) != NULL)
			return placeholder;
	return NULL;
}
