/* SPDX-License-Identifier: ISC */
#ifndef TEMPLATE_H
#define TEMPLATE_H

/*
 * Templates and their placeholders: <port>, <host>, <addr>, <fd>, or {port}
 * and so on.  A placeholder may name a socket by its name or its index, counted
 * from 0: <port:web>, <port:1>.  Makes no system call.
 *
 * A brace directly after one of $ % # { \ begins no placeholder.  An unknown
 * word is left as it is.  {{port}} and <<port>> stand for the texts {port} and
 * <port>.  In a text that has </port>, which is XML, <port> is left as it is;
 * and so for each of the words.
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

/*
 * Returns the placeholders in length bytes of text, as a set of bits: 1 << each
 * enum placeholder.
 */
unsigned	template_placeholders(const char *text, size_t length);

/* The reader of the expanded text: decides what placeholders mean. */
enum audience {
	AUDIENCE_WITHOUT_FDS,	/* gets no socket: <fd> is an error */
	AUDIENCE_WITH_FDS,	/* gets the sockets at FIRST_FD and up */
	AUDIENCE_INETD,		/* gets its only socket at fds 0 and 1 */
	AUDIENCE_SHELL		/* no <fd>, and no <addr> that needs quotes */
};

/*
 * Expands length bytes of text, which may contain NULs, with the addresses of
 * the listeners.  Stores in *result a string with a NUL at its end, to be
 * freed with free(3), and in *result_length, unless that is NULL, its length
 * in bytes.  Returns 0.  Returns -1 with the reason in failure and *result NULL
 * if a placeholder names no socket, asks for <port> or <host> of a unix
 * socket or for the address of an unnamed one, or is not for this audience.
 */
int	template_expand(const char *text, size_t length,
    const struct listeners *listeners, enum audience audience, char **result,
    size_t *result_length, struct failure *failure);

#endif
