/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "handoff/template.h"

/* Characters that a shell takes as they are, without quotes. */
#define UNQUOTED	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz0123456789._/:@%[]-"

static const char names[PLACEHOLDER_COUNT][5] = {
	"port", "host", "addr", "fd"
};

struct found {
	enum placeholder	 word;
	const char	*socket;	/* NULL: the first */
	size_t		 socket_length;
	bool		 literal;	/* {{port}}: stands for {port} */
	size_t		 length;	/* bytes, all brackets included */
};

static bool
is_socket_character(char c)
{
	return (unsigned char)c >= ' ' && strchr(":=/,\\", c) == NULL;
}

/*
 * Returns a set of 1 << enum placeholder: the words whose end tag, </port>, is
 * in the text, which is XML then.
 */
static unsigned
find_elements(const char *text, size_t length)
{
	const char *at = text, *end = text + length;
	unsigned found = 0;
	size_t size;
	int word;

	while (at < end && (at = memmem(at, (size_t)(end - at), "</", 2)) !=
	    NULL) {
		at += 2;
		for (word = 0; word < PLACEHOLDER_COUNT; word++) {
			size = strlen(names[word]);
			if ((size_t)(end - at) > size && at[size] == '>' &&
			    memcmp(at, names[word], size) == 0)
				found |= 1U << word;
		}
	}
	return found;
}

/*
 * Returns whether a placeholder begins at text[at], a '<' or '{'.  <port> is
 * none where port is one of elements.
 */
static bool
recognise(const char *text, size_t at, size_t length, unsigned elements,
    struct found *placeholder)
{
	static const char escapes[] = { '$', '%', '#', '{', '\\' };
	const char *p, *end = text + length;
	char open = text[at], close = open == '{' ? '}' : '>';
	int word;

	if (open == '{' && at > 0 &&
	    memchr(escapes, text[at - 1], sizeof(escapes)) != NULL)
		return false;
	p = text + at + 1;
	placeholder->literal = p < end && *p == open;
	if (placeholder->literal)
		p++;
	for (word = 0; word < PLACEHOLDER_COUNT; word++)
		if ((size_t)(end - p) > strlen(names[word]) &&
		    strncmp(p, names[word], strlen(names[word])) == 0 &&
		    (p[strlen(names[word])] == close ||
		    p[strlen(names[word])] == ':'))
			break;
	if (word == PLACEHOLDER_COUNT)
		return false;
	placeholder->word = (enum placeholder)word;
	p += strlen(names[word]);
	if (open == '<' && *p == '>' && !placeholder->literal &&
	    (elements & 1U << word) != 0)
		return false;
	placeholder->socket = NULL;
	placeholder->socket_length = 0;
	if (*p == ':') {
		placeholder->socket = ++p;
		while (p < end && *p != close && is_socket_character(*p))
			p++;
		placeholder->socket_length = (size_t)(p -
		    placeholder->socket);
		if (p == end || *p != close || placeholder->socket_length == 0)
			return false;
	}
	if (placeholder->literal && (++p == end || *p != close))
		return false;
	placeholder->length = (size_t)(p + 1 - (text + at));
	return true;
}

/* Returns where the next placeholder may begin, or length. */
static size_t
find_bracket(const char *text, size_t at, size_t length)
{
	while (at < length && text[at] != '<' && text[at] != '{')
		at++;
	return at;
}

static int
expand_one(struct buffer *output, const char *text,
    const struct found *placeholder, const struct listeners *listeners,
    enum audience audience, struct failure *failure)
{
	const struct listener *listener = listeners_find(listeners,
	    placeholder->socket, placeholder->socket_length);
	int length = (int)placeholder->length;

	if (listener == NULL)
		return fail(failure, 0, "%.*s: there is no such socket",
		    length, text);
	if (placeholder->word != PLACEHOLDER_FD && listener->addr[0] == '\0')
		return fail(failure, 0, "%.*s: the socket has no address",
		    length, text);
	if ((placeholder->word == PLACEHOLDER_PORT ||
	    placeholder->word == PLACEHOLDER_HOST) &&
	    listener_is_unix(listener))
		return fail(failure, 0, "%.*s: %s is a unix socket", length,
		    text, listener->addr);
	if (placeholder->word == PLACEHOLDER_ADDR &&
	    audience == AUDIENCE_SHELL &&
	    listener->addr[strspn(listener->addr, UNQUOTED)] != '\0')
		return fail(failure, 0, "%.*s: a shell would read %s as more "
		    "than a word: pass it with -e", length, text,
		    listener->addr);
	switch (placeholder->word) {
	case PLACEHOLDER_PORT:
		buffer_append_number(output, listener->port);
		break;
	case PLACEHOLDER_HOST:
		buffer_append_string(output, listener->host);
		break;
	case PLACEHOLDER_ADDR:
		buffer_append_string(output, listener->addr);
		break;
	default:
		if (audience == AUDIENCE_WITHOUT_FDS ||
		    audience == AUDIENCE_SHELL)
			return fail(failure, 0, "%.*s: the %s gets no "
			    "descriptor", length, text,
			    audience == AUDIENCE_SHELL ? "client" : "service");
		buffer_append_number(output, audience == AUDIENCE_INETD ?
		    STDIN_FILENO : FIRST_FD +
		    (unsigned long)(listener - listeners->list));
		break;
	}
	return 0;
}

static int
expand(struct buffer *output, const char *text, size_t length,
    const struct listeners *listeners, enum audience audience,
    struct failure *failure)
{
	unsigned elements = find_elements(text, length);
	struct found placeholder;
	size_t at = 0, start = 0;

	for (;;) {
		at = find_bracket(text, at, length);
		if (at == length)
			break;
		if (!recognise(text, at, length, elements, &placeholder)) {
			at++;
			continue;
		}
		buffer_append(output, text + start, at - start);
		if (placeholder.literal)
			buffer_append(output, text + at + 1,
			    placeholder.length - 2);
		else if (expand_one(output, text + at, &placeholder,
		    listeners, audience, failure) == -1)
			return -1;
		start = at += placeholder.length;
	}
	buffer_append(output, text + start, length - start);
	return 0;
}

unsigned
template_placeholders(const char *text, size_t length)
{
	unsigned elements = find_elements(text, length), found = 0;
	struct found placeholder;
	size_t at = 0;

	while ((at = find_bracket(text, at, length)) < length)
		if (!recognise(text, at, length, elements, &placeholder))
			at++;
		else {
			if (!placeholder.literal)
				found |= 1U << placeholder.word;
			at += placeholder.length;
		}
	return found;
}

int
template_expand(const char *text, size_t length,
    const struct listeners *listeners, enum audience audience, char **result,
    size_t *result_length, struct failure *failure)
{
	struct buffer output = { 0 };

	*result = NULL;
	if (expand(&output, text, length, listeners, audience, failure) == -1) {
		buffer_discard(&output);
		return -1;
	}
	if (buffer_finish(&output, result, result_length) == -1)
		return fail(failure, 0, "out of memory");
	return 0;
}
