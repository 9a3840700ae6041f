/* SPDX-License-Identifier: ISC */
#ifndef NUMBER_H
#define NUMBER_H

/*
 * Numbers in decimal.  printf(3) takes a thousand instructions and more for
 * one, and each launch has several.
 */

#include <stdint.h>

enum { NUMBER_MAX = 21 };	/* bytes of the longest, its NUL included */

/* Writes number at the end of text, and returns where it begins. */
char	*number_text(uint64_t number, char text[NUMBER_MAX]);

#endif
