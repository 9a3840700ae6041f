/* SPDX-License-Identifier: ISC */
#ifndef LOG_H
#define LOG_H

/*
 * The lines that portexec writes to standard error, and struct failure: a
 * function that fails passes the reason up in it, to be printed in one place.
 */

#include <stdbool.h>
#include <time.h>

enum { LOG_MAX = 1024 };	/* bytes of one message, its NUL included */

struct failure {
	char	text[LOG_MAX];	/* "what: why", without a newline */
};

enum verbosity { QUIET, NORMAL, VERBOSE };

struct log {
	enum verbosity	verbosity;
	struct timespec	start;		/* CLOCK_MONOTONIC, if VERBOSE */
};

/*
 * Returns a log of that verbosity.  Reads the clock only if it is VERBOSE:
 * the first reading of the clock costs time.
 */
struct log	log_open(enum verbosity verbosity);

/*
 * Fills failure with the formatted text, then ": " and strerror(error)
 * unless error is 0.  The text is one line: control characters become '?'.
 * A text of LOG_MAX bytes or more is cut in its middle.  Sets errno to error
 * and always returns -1, for `return fail(failure, errno, "...")`.
 */
int	fail(struct failure *failure, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Each writes one line to standard error in a single write(2) and leaves
 * errno alone.  The line begins with "portexec: ".  Control characters
 * become '?'.  A line that is too long is cut at its end, and a line that
 * cannot be written is lost.
 *	log_info	unless the log is QUIET
 *	log_words	likewise: the words up to (char *)NULL, put together;
 *			for what each launch says, as printf(3) takes long
 *	log_debug	only if the log is VERBOSE; adds the seconds since
 *			log_open()
 *	log_error	always
 *	log_failure	likewise, with the text of a failure
 */
void	log_info(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void	log_words(const struct log *log, ...)
    __attribute__((sentinel));
void	log_debug(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void	log_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void	log_failure(const struct failure *failure);

#endif
