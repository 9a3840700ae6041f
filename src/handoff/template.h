#ifndef TEMPLATE_H
#define TEMPLATE_H

/*
 * Placeholders: <port>, <host>, <addr>, <fd> and their brace forms, each
 * optionally with a socket's name or number, <port:web>.  Pure.
 *
 * A brace form directly after one of $ % @ # { \ is left alone, and so is
 * an unknown word; {{port}} and <<port>> stand for {port} and <port>.
 */

#include <stdbool.h>
#include <stddef.h>

#include "socket/listener.h"

enum placeholder {
	PLACEHOLDER_PORT,
	PLACEHOLDER_HOST,
	PLACEHOLDER_ADDR,
	PLACEHOLDER_FD,
	PLACEHOLDER_COUNT
};

/* The words of which text has a placeholder: a set of 1 << enum placeholder. */
unsigned	template_placeholders(const char *text, size_t length);

/* Who reads the text, which decides what may stand in it. */
enum audience {
	AUDIENCE_WITHOUT_FDS,	/* is passed no socket: <fd> is an error */
	AUDIENCE_WITH_FDS,	/* has them at FIRST_FD and up */
	AUDIENCE_INETD,		/* has the only one at fds 0 and 1 */
	AUDIENCE_SHELL		/* no <fd> either, nor what needs quotes */
};

/*
 * Expands length bytes of text, which may contain NULs, against the
 * listeners.  Stores in *result a string that the caller frees, a NUL
 * after it, and in *result_length, unless that is NULL, its length.
 * Returns 0, or -1 with the reason in failure: a socket that is not there,
 * a <port> or <host> of a unix socket, what the reader may not have.
 */
int		template_expand(const char *text, size_t length,
    const struct listeners *listeners, enum audience audience, char **result,
    size_t *result_length, struct failure *failure);

#endif
