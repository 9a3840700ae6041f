#ifndef MESSAGE_H
#define MESSAGE_H

/*
 * What portexec says on standard error, and how a function hands its
 * reason for failing up to the one place that says it.
 */

#include <stdbool.h>
#include <time.h>

enum { MESSAGE_MAX = 1024 };	/* bytes of one message, its NUL included */

struct failure {
	char	text[MESSAGE_MAX];	/* "what: why", without a newline */
};

enum verbosity { QUIET, NORMAL, VERBOSE };

struct console {
	enum verbosity	verbosity;
	struct timespec	start;		/* CLOCK_MONOTONIC, if VERBOSE */
};

/* Only a VERBOSE one needs the clock, which is not free to read at first. */
struct console	console_open(enum verbosity verbosity);

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
 *	say		unless the console is QUIET
 *	say_detail	where it is VERBOSE, after the seconds since its start
 *	say_failure	always
 */
void	say(const struct console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void	say_detail(const struct console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void	say_failure(const struct failure *failure);

#endif
