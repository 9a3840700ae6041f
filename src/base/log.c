/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/seconds.h"

#define PREFIX	"portexec: "

enum { LINE_SIZE = LOG_MAX + 64 };	/* bytes, its newline included */

struct log
log_open(enum verbosity verbosity)
{
	struct log log = { .verbosity = verbosity };

	if (verbosity == VERBOSE)
		clock_gettime(CLOCK_MONOTONIC, &log.start);
	return log;
}

static void
keep_on_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == '\177')
			*text = '?';
}

/* Cuts the middle out of a long text: the reason is at its end. */
static void
copy_shortened(char *text, size_t size, const char *whole)
{
	size_t length = strlen(whole), tail = size / 4;

	if (length < size)
		strlcpy(text, whole, size);
	else
		snprintf(text, size, "%.*s...%s", (int)(size - tail - 4),
		    whole, whole + length - tail);
}

int
fail(struct failure *failure, int error, const char *format, ...)
{
	char *what = NULL, *whole = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&what, format, arguments);
	va_end(arguments);
	if (length == -1 || asprintf(&whole, "%s%s%s", what,
	    error == 0 ? "" : ": ", error == 0 ? "" : strerror(error)) == -1)
		strlcpy(failure->text, "out of memory", sizeof(failure->text));
	else {
		copy_shortened(failure->text, sizeof(failure->text), whole);
		free(whole);
	}
	if (length != -1)
		free(what);
	keep_on_one_line(failure->text);
	errno = error;
	return -1;
}

static void
write_line(char line[LINE_SIZE])
{
	size_t length = strlen(line);
	int error = errno;

	keep_on_one_line(line);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) == -1) {
		/* An error here cannot be reported anywhere. */
	}
	errno = error;
}

static void __attribute__((format(printf, 2, 0)))
write_text(const char *prefix, const char *format, va_list arguments)
{
	char line[LINE_SIZE];
	int error = errno;
	size_t length;

	length = (size_t)(stpcpy(stpcpy(line, PREFIX), prefix) - line);
	vsnprintf(line + length, sizeof(line) - 1 - length, format,
	    arguments);
	errno = error;
	write_line(line);
}

void
log_info(const struct log *log, const char *format, ...)
{
	va_list arguments;

	if (log->verbosity == QUIET)
		return;
	va_start(arguments, format);
	write_text("", format, arguments);
	va_end(arguments);
}

void
log_words(const struct log *log, ...)
{
	char line[LINE_SIZE];
	const char *word;
	va_list words;

	if (log->verbosity == QUIET)
		return;
	stpcpy(line, PREFIX);
	va_start(words, log);
	while ((word = va_arg(words, const char *)) != NULL)
		strlcat(line, word, sizeof(line) - 1);
	va_end(words);
	write_line(line);
}

void
log_debug(const struct log *log, const char *format, ...)
{
	char prefix[32];
	struct timespec now;
	int64_t ms;
	va_list arguments;

	if (log->verbosity != VERBOSE)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (now.tv_sec - log->start.tv_sec) * INT64_C(1000) +
	    (now.tv_nsec - log->start.tv_nsec) / 1000000;
	snprintf(prefix, sizeof(prefix), "%s s: ", seconds_text(ms, 3).text);
	va_start(arguments, format);
	write_text(prefix, format, arguments);
	va_end(arguments);
}

void
log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_text("", format, arguments);
	va_end(arguments);
}

void
log_failure(const struct failure *failure)
{
	log_error("%s", failure->text);
}
