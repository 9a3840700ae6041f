#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "report.h"

/* N of /dev/fd/N or /proc/self/fd/N; -1 where it is neither. */
static int
parse_descriptor(const char *file)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
	const char *error, *number;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		number = file + strlen(folders[i]);
		if (strncmp(file, folders[i], strlen(folders[i])) != 0 ||
		    number[strspn(number, "0123456789")] != '\0')
			continue;
		fd = (int)strtonum(number, 0, 1 << 30, &error);
		if (error == NULL)
			return fd;
	}
	return -1;
}

/*
 * The descriptor that file names, as /dev/stdout does, being a link to
 * /proc/self/fd/1; -1 where it names none.
 */
static int
named_descriptor(const char *file)
{
	char link[64];
	ssize_t length;
	int fd;

	if (strcmp(file, "-") == 0)
		return STDOUT_FILENO;
	fd = parse_descriptor(file);
	if (fd != -1)
		return fd;
	length = readlink(file, link, sizeof(link) - 1);
	link[length == -1 ? 0 : length] = '\0';
	return parse_descriptor(link);
}

static int
read_all(int fd, char **text, size_t *length)
{
	struct buffer buffer = { 0 };
	char part[BUFSIZ];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n > 0)
			buffer_append(&buffer, part, (size_t)n);
		else if (errno != EINTR) {
			buffer_discard(&buffer);
			return -1;
		}
	}
	return buffer_finish(&buffer, text, length);
}

static int
read_template(struct report *report, const char *file, struct failure *failure)
{
	struct stat in, out;
	int fd, status;

	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return fail(failure, errno, "open %s", file);
	if (fstat(fd, &in) == 0 && stat(report->file, &out) == 0 &&
	    in.st_dev == out.st_dev && in.st_ino == out.st_ino)
		status = fail(failure, 0, "%s is its own template", file);
	else if (read_all(fd, &report->template,
	    &report->template_length) == -1)
		status = fail(failure, errno, "read %s", file);
	else
		status = 0;
	close(fd);
	return status;
}

static int
prepare(struct report *report, const char *template, struct failure *failure)
{
	int fd = named_descriptor(report->file);
	struct stat status;

	if (*template == '@') {
		if (read_template(report, template + 1, failure) == -1)
			return -1;
	} else {
		report->template = strdup(template);
		report->template_length = strlen(template);
		if (report->template == NULL)
			return fail(failure, errno, "%s", report->file);
	}
	if (fd != -1)
		return fcntl(fd, F_GETFD) != -1 ? 0 :
		    fail(failure, errno, "write %s", report->file);
	if (stat(report->file, &status) == 0 && S_ISREG(status.st_mode) &&
	    unlink(report->file) == -1)
		return fail(failure, errno, "remove %s", report->file);
	return 0;
}

int
reports_prepare(struct reports *reports, const struct options *options,
    struct failure *failure)
{
	const struct assignments *files = &options->files;
	size_t i;

	if (files->count == 0)
		return 0;
	reports->list = calloc(files->count, sizeof(*reports->list));
	if (reports->list == NULL)
		return fail(failure, 0, "out of memory");
	reports->count = files->count;
	for (i = 0; i < files->count; i++) {
		reports->list[i].file = files->list[i].name;
		reports->list[i].is_port_file = files->list[i].is_port_file;
		if (prepare(&reports->list[i], files->list[i].template,
		    failure) == -1)
			return -1;
	}
	return 0;
}

unsigned
reports_words(const struct reports *reports)
{
	unsigned words = 0;
	size_t i;

	for (i = 0; i < reports->count; i++)
		if (!reports->list[i].is_port_file)
			words |= template_words(reports->list[i].template,
			    reports->list[i].template_length);
	return words;
}

static int
end_with_newline(struct report *report, struct failure *failure)
{
	char *text;

	if (report->text_length > 0 &&
	    report->text[report->text_length - 1] == '\n')
		return 0;
	text = realloc(report->text, report->text_length + 2);
	if (text == NULL)
		return fail(failure, 0, "out of memory");
	report->text = text;
	text[report->text_length++] = '\n';
	text[report->text_length] = '\0';
	return 0;
}

int
reports_expand(struct reports *reports, const struct listeners *listeners,
    enum reader reader, struct failure *failure)
{
	struct report *report;
	size_t i;

	for (i = 0; i < reports->count; i++) {
		report = &reports->list[i];
		if (template_expand(report->template, report->template_length,
		    listeners, reader, &report->text, &report->text_length,
		    failure) == -1 ||
		    end_with_newline(report, failure) == -1)
			return -1;
	}
	return 0;
}

static int
write_all(int fd, const char *text, size_t length)
{
	ssize_t n;

	while (length > 0) {
		n = write(fd, text, length);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

/* In the same directory, so that rename(2) can put it into place. */
static char *
temporary_name(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *name;

	if (asprintf(&name, "%.*s.portexec-XXXXXX",
	    slash == NULL ? 0 : (int)(slash + 1 - file), file) == -1)
		return NULL;
	return name;
}

/* mkostemp(3) follows no link and takes no file that is there. */
static int
replace(struct report *report)
{
	char *temporary = temporary_name(report->file);
	struct stat status;
	mode_t mask;
	int fd, error;

	fd = temporary == NULL ? -1 : mkostemp(temporary, O_CLOEXEC);
	if (fd == -1) {
		error = errno;
		free(temporary);
		errno = error;
		return -1;
	}
	mask = umask(0);
	umask(mask);
	if (write_all(fd, report->text, report->text_length) == -1 ||
	    fchmod(fd, 0644 & ~mask) == -1 || fstat(fd, &status) == -1 ||
	    rename(temporary, report->file) == -1) {
		error = errno;
		unlink(temporary);
	} else {
		error = 0;
		report->device = status.st_dev;
		report->inode = status.st_ino;
	}
	if (close(fd) == -1 && error == 0)
		error = errno;
	free(temporary);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
open_other(const char *file, const sigset_t *mask)
{
	sigset_t own;
	int fd, error;

	sigprocmask(SIG_SETMASK, mask, &own);
	fd = open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	error = errno;
	sigprocmask(SIG_SETMASK, &own, NULL);
	errno = error;
	return fd;
}

static int
write_report(struct report *report, const sigset_t *mask)
{
	int fd = named_descriptor(report->file), result, error;
	struct stat status;

	if (fd != -1)
		return write_all(fd, report->text, report->text_length);
	if (stat(report->file, &status) == -1) {
		/* Not where it may be something else than a file of ours. */
		if (errno != ENOENT && errno != ELOOP)
			return -1;
		return replace(report);
	}
	if (S_ISREG(status.st_mode))
		return replace(report);
	fd = open_other(report->file, mask);
	if (fd == -1)
		return -1;
	result = write_all(fd, report->text, report->text_length);
	error = errno;
	if (close(fd) == -1 && result == 0)
		return -1;
	errno = error;
	return result;
}

int
reports_write(struct reports *reports, const sigset_t *mask,
    struct failure *failure)
{
	size_t i;

	for (i = 0; i < reports->count; i++)
		if (write_report(&reports->list[i], mask) == -1)
			return fail(failure, errno, "write %s",
			    reports->list[i].file);
	return 0;
}

void
reports_recognise(struct reports *reports)
{
	struct report *report;
	struct stat status;
	size_t i;

	for (i = 0; i < reports->count; i++) {
		report = &reports->list[i];
		if (named_descriptor(report->file) == -1 &&
		    lstat(report->file, &status) == 0 &&
		    S_ISREG(status.st_mode)) {
			report->device = status.st_dev;
			report->inode = status.st_ino;
		}
	}
}

void
reports_discard(struct reports *reports, bool ran)
{
	struct report *report;
	struct stat status;
	size_t i;

	for (i = 0; i < reports->count; i++) {
		report = &reports->list[i];
		if (!ran && report->inode != 0 &&
		    lstat(report->file, &status) == 0 &&
		    status.st_dev == report->device &&
		    status.st_ino == report->inode)
			unlink(report->file);
		free(report->template);
		free(report->text);
	}
	free(reports->list);
}
