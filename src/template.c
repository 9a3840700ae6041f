#include <string.h>

#include "buffer.h"
#include "template.h"

enum word { WORD_PORT, WORD_HOST, WORD_ADDR, WORD_FD, WORD_COUNT };

static const char *const words[WORD_COUNT] = { "port", "host", "addr", "fd" };

struct placeholder {
	enum word	 word;
	const char	*socket;	/* NULL: the first */
	size_t		 socket_length;
	bool		 literal;	/* {{port}} */
	size_t		 length;	/* from the first bracket to the last */
};

static bool
is_socket_character(char c)
{
	return (unsigned char)c >= ' ' && strchr(":=/,\\", c) == NULL;
}

/* Whether a placeholder begins at text[at], which is '<' or '{'. */
static bool
recognise(const char *text, size_t at, size_t length,
    struct placeholder *placeholder)
{
	static const char escapes[] = { '$', '%', '@', '#', '{', '\\' };
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
	for (word = 0; word < WORD_COUNT; word++)
		if ((size_t)(end - p) > strlen(words[word]) &&
		    strncmp(p, words[word], strlen(words[word])) == 0 &&
		    (p[strlen(words[word])] == close ||
		    p[strlen(words[word])] == ':'))
			break;
	if (word == WORD_COUNT)
		return false;
	placeholder->word = (enum word)word;
	p += strlen(words[word]);
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

/* By name, or by number from 0. */
static const struct listener *
find_socket(const struct placeholder *placeholder,
    const struct listeners *listeners)
{
	const char *socket = placeholder->socket;
	size_t i, number = 0, length = placeholder->socket_length;

	if (socket == NULL)
		return listeners->count > 0 ? &listeners->list[0] : NULL;
	for (i = 0; i < listeners->count; i++)
		if (strlen(listeners->list[i].name) == length &&
		    memcmp(listeners->list[i].name, socket, length) == 0)
			return &listeners->list[i];
	for (i = 0; i < length; i++) {
		if (socket[i] < '0' || socket[i] > '9' ||
		    number >= listeners->count)
			return NULL;
		number = number * 10 + (size_t)(socket[i] - '0');
	}
	return number < listeners->count ? &listeners->list[number] : NULL;
}

static int
expand_one(struct buffer *output, const char *text,
    const struct placeholder *placeholder, const struct listeners *listeners,
    bool fds, struct failure *failure)
{
	const struct listener *listener = find_socket(placeholder, listeners);
	int length = (int)placeholder->length;

	if (listener == NULL)
		return fail(failure, 0, "%.*s: there is no such socket",
		    length, text);
	if (placeholder->word != WORD_FD && listener->addr[0] == '\0')
		return fail(failure, 0, "%.*s: the socket has no address",
		    length, text);
	if ((placeholder->word == WORD_PORT ||
	    placeholder->word == WORD_HOST) && listener->host[0] == '\0')
		return fail(failure, 0, "%.*s: %s is a unix socket", length,
		    text, listener->addr);
	switch (placeholder->word) {
	case WORD_PORT:
		buffer_append_number(output, listener->port);
		break;
	case WORD_HOST:
		buffer_append_string(output, listener->host);
		break;
	case WORD_ADDR:
		buffer_append_string(output, listener->addr);
		break;
	default:
		if (!fds)
			return fail(failure, 0, "%.*s: the service gets no "
			    "descriptor", length, text);
		buffer_append_number(output, FIRST_FD +
		    (unsigned long)(listener - listeners->list));
		break;
	}
	return 0;
}

static int
expand(struct buffer *output, const char *text, size_t length,
    const struct listeners *listeners, bool fds, struct failure *failure)
{
	struct placeholder placeholder;
	size_t at = 0;

	while (at < length) {
		if ((text[at] != '<' && text[at] != '{') ||
		    !recognise(text, at, length, &placeholder)) {
			buffer_append(output, &text[at++], 1);
			continue;
		}
		if (placeholder.literal)
			buffer_append(output, text + at + 1,
			    placeholder.length - 2);
		else if (expand_one(output, text + at, &placeholder,
		    listeners, fds, failure) == -1)
			return -1;
		at += placeholder.length;
	}
	return 0;
}

int
template_expand(const char *text, size_t length,
    const struct listeners *listeners, bool fds, char **result,
    size_t *result_length, struct failure *failure)
{
	struct buffer output = { 0 };

	*result = NULL;
	if (expand(&output, text, length, listeners, fds, failure) == -1) {
		buffer_discard(&output);
		return -1;
	}
	if (buffer_finish(&output, result, result_length) == -1)
		return fail(failure, 0, "out of memory");
	return 0;
}
