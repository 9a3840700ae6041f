/* SPDX-License-Identifier: ISC */
#ifndef FUZZ_H
#define FUZZ_H

/*
 * What the fuzz targets share.  A target asserts what holds whatever its
 * input is; libFuzzer keeps an input for which that, or memory, breaks.
 */

#undef NDEBUG

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 64 };

/* The input as lines, each a string; those beyond the last are dropped. */
struct lines {
	char	*text;		/* owned */
	char	*list[LINES_MAX + 1];	/* ends with NULL */
	size_t	 count;
};

/* A copy with a NUL after it. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static inline void
lines_split(struct lines *lines, const uint8_t *data, size_t size)
{
	char *rest = lines->text = fuzz_text(data, size);

	lines->count = 0;
	while (rest != NULL && lines->count < LINES_MAX)
		lines->list[lines->count++] = strsep(&rest, "\n");
	lines->list[lines->count] = NULL;
}

/* A reason is there, and is one line. */
static inline void
check_reason(const struct failure *failure)
{
	const char *text = failure->text;

	assert(*text != '\0');
	assert(memchr(text, '\0', sizeof(failure->text)) != NULL);
	for (; *text != '\0'; text++)
		assert(!iscntrl((unsigned char)*text));
}

#endif
