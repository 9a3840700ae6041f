/* SPDX-License-Identifier: ISC */
#ifndef BUFFER_H
#define BUFFER_H

/*
 * A text that grows while it is built.  open_memstream(3) would not do:
 * when memory is short, glibc's loses text and reports no error.
 */

#include <stdbool.h>
#include <stddef.h>

struct buffer {			/* starts as all zeros */
	char	*data;		/* owned */
	size_t	 length, room;	/* bytes in use, bytes allocated */
	bool	 failed;	/* an append ran out of memory */
};

/*
 * Append length bytes, a string, or a number in decimal.  An append that
 * runs out of memory is reported by buffer_finish().
 */
void	buffer_append(struct buffer *buffer, const char *text, size_t length);
void	buffer_append_string(struct buffer *buffer, const char *text);
void	buffer_append_number(struct buffer *buffer, unsigned long number);

/*
 * Ends the text with a NUL and stores it in *text, which is to be freed with
 * free(3).  Stores its length without the NUL in *length, unless length is
 * NULL.  Returns 0, or -1 if any append failed: then errno is ENOMEM, *text
 * is NULL, and the buffer is discarded.
 */
int	buffer_finish(struct buffer *buffer, char **text, size_t *length);

/* Frees the text of a buffer, instead of buffer_finish(). */
void	buffer_discard(struct buffer *buffer);

#endif
