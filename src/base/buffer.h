#ifndef BUFFER_H
#define BUFFER_H

/*
 * Text that grows as it is made.  open_memstream(3) would do, did it say so
 * where memory is short: glibc's loses the text without a word.
 */

#include <stdbool.h>
#include <stddef.h>

struct buffer {			/* begins as all zeros */
	char	*data;
	size_t	 length, room;
	bool	 failed;	/* for want of memory */
};

void	buffer_append(struct buffer *buffer, const char *text, size_t length);
void	buffer_append_string(struct buffer *buffer, const char *text);
void	buffer_append_number(struct buffer *buffer, unsigned long number);

/*
 * Ends the text with a NUL, stores it in *text for the caller to free, and
 * its length, unless that is NULL.  Returns 0; or -1 and errno ENOMEM where
 * any append failed, with *text NULL.
 */
int	buffer_finish(struct buffer *buffer, char **text, size_t *length);
void	buffer_discard(struct buffer *buffer);

#endif
