/* SPDX-License-Identifier: ISC */
#ifndef LOOKALIKE_H
#define LOOKALIKE_H

/*
 * What looks like a placeholder (template.h) and is none: {PORT}, {prot},
 * ${port}, %port%, { port }, {{port}}.  Makes no system call.
 */

#include <stdbool.h>

enum { LOOKALIKE_MAX = 32 };	/* bytes of one, its NUL included */

/*
 * Looks for one in text that is nearly certainly meant as a placeholder: it is
 * the whole text, or what a '=', ':', '@' or "//" stands before, as in
 * --port={prot}, and there is no blank outside it.  Stores it in found, and
 * returns what to write: "{port}".  Returns NULL if there is none.
 */
const char	*lookalike_find(const char *text, char found[LOOKALIKE_MAX]);

#endif
