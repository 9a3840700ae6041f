#ifndef LOG_H
#define LOG_H

/*
 * What portexec says on standard error, and how a function hands its
 * reason for failing up to the one place that says it.
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

/* Only a VERBOSE one needs the clock, which is not free to read at first. */
struct log	log_open(enum verbosity verbosity);

/*
 * Fills failure with the formatted text, and with ": " and strerror(error)
 * where error is not 0.  Control characters become '?', so that it stays
 * one line, and a long one is cut in its middle.  Sets errno to error,
 * and returns -1, always: `return fail(failure, errno, "...")`.
 */
int	fail(struct failure *failure, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Each writes one line, beginning with the program's name, to standard
 * error in a single write(2), and leaves errno alone.  A line that cannot
 * be written is lost.
 *	say		unless the log is QUIET
 *	log_debug	where it is VERBOSE, after the seconds since its start
 *	log_failure	always
 */
void	log_info(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void	log_debug(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void	log_failure(const struct failure *failure);

#endif
