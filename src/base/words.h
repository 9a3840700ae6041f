/* SPDX-License-Identifier: ISC */
#ifndef WORDS_H
#define WORDS_H

/*
 * A list of words in one text, separated by commas.  An array of pointers has
 * to be relocated whenever a position-independent program starts.
 */

#include <stdbool.h>
#include <stddef.h>

/* Whether the length bytes at word are one of the words of list. */
bool	words_have(const char *list, const char *word, size_t length);

#endif
