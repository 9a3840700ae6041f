/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/number.h"

/* Makes room for length more bytes and a NUL. */
static bool
grow(struct buffer *buffer, size_t length)
{
	size_t room = buffer->room == 0 ? 128 : buffer->room;
	char *data;

	while (room - 1 - buffer->length < length) {
		if (room > SIZE_MAX / 2)
			return false;
		room *= 2;
	}
	if (room == buffer->room)
		return true;
	data = realloc(buffer->data, room);
	if (data == NULL)
		return false;
	buffer->data = data;
	buffer->room = room;
	return true;
}

void
buffer_append(struct buffer *buffer, const char *text, size_t length)
{
	if (buffer->failed || !grow(buffer, length)) {
		buffer->failed = true;
		return;
	}
	memcpy(buffer->data + buffer->length, text, length);
	buffer->length += length;
}

void
buffer_append_string(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void
buffer_append_number(struct buffer *buffer, unsigned long number)
{
	char text[NUMBER_MAX];

	buffer_append_string(buffer, number_text(number, text));
}

int
buffer_finish(struct buffer *buffer, char **text, size_t *length)
{
	buffer_append(buffer, "", 1);
	*text = NULL;
	if (buffer->failed) {
		buffer_discard(buffer);
		errno = ENOMEM;
		return -1;
	}
	*text = buffer->data;
	if (length != NULL)
		*length = buffer->length - 1;
	return 0;
}

void
buffer_discard(struct buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
}
