/* SPDX-License-Identifier: ISC */
#ifndef UNQUOTED_H
#define UNQUOTED_H

/*
 * Words that were to be one, and were not quoted.  Makes no system call.
 */

#include "cli/options.h"

/*
 * Appends the words, up to "--" or the end of the list, to text, with blanks
 * between: what a user types.  Cuts it to size.
 */
void	unquoted_join(char *const words[], char *text, size_t size);

/*
 * Whether -c may have been given without quotes: -c npm test -- npm start.
 * Then its SCRIPT is one word, COMMAND follows directly, and a word of COMMAND
 * is "--".  Stores in text what SCRIPT was to be.
 */
bool	unquoted_client(const struct options *options, char *text,
    size_t size);

/*
 * Whether it was, if it may have been: COMMAND is no service, or SCRIPT is a
 * program that does nothing without a further word.
 */
bool	unquoted_is_sure(const struct options *options);

#endif
