/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "handoff/port_file.h"
#include "process/procfs.h"

enum { WAIT_MS = 10 };	/* between looks for a reader, or for a signal */

/* Returns N of /dev/fd/N or /proc/self/fd/N; -1 if file is neither. */
static int
parse_descriptor(const char *file)
{
	static const char folders[][15] = { "/dev/fd/", "/proc/self/fd/" };
	unsigned long long fd;
	const char *digits;
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		digits = file + strlen(folders[i]);
		if (strncmp(file, folders[i], strlen(folders[i])) != 0 ||
		    digits[strspn(digits, "0123456789")] != '\0')
			continue;
		if (procfs_number(digits, 0, 10, &fd) && fd <= 1 << 30)
			return (int)fd;
	}
	return -1;
}

/*
 * Returns the descriptor that file stands for, or -1.  /dev/stdout stands for
 * one because it is a link to /proc/self/fd/1.
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
read_template(struct port_file *file, const char *in_name,
    struct failure *failure)
{
	struct stat in, out;
	int fd, status;

	fd = open(in_name, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return fail(failure, errno, "open %s", in_name);
	if (fstat(fd, &in) == 0 && stat(file->name, &out) == 0 &&
	    in.st_dev == out.st_dev && in.st_ino == out.st_ino)
		status = fail(failure, 0, "%s is its own template", in_name);
	else if (read_all(fd, &file->template,
	    &file->template_length) == -1)
		status = fail(failure, errno, "read %s", in_name);
	else
		status = 0;
	close(fd);
	return status;
}

static int
prepare(struct port_file *file, const char *template, struct failure *failure)
{
	int fd = named_descriptor(file->name);
	struct stat status;

	if (*template == '@') {
		if (read_template(file, template + 1, failure) == -1)
			return -1;
	} else {
		file->template = strdup(template);
		file->template_length = strlen(template);
		if (file->template == NULL)
			return fail(failure, errno, "%s", file->name);
	}
	if (fd != -1)
		return fcntl(fd, F_GETFD) != -1 ? 0 :
		    fail(failure, errno, "write %s", file->name);
	if (stat(file->name, &status) == 0 && S_ISREG(status.st_mode) &&
	    unlink(file->name) == -1)
		return fail(failure, errno, "remove %s", file->name);
	return 0;
}

bool
port_files_have_room(const struct port_files *files)
{
	size_t i;
	int fd;

	for (i = 0; i < files->count; i++)
		if (named_descriptor(files->list[i].name) == -1) {
			fd = open("/", O_PATH | O_CLOEXEC);
			if (fd == -1)
				return false;
			close(fd);
			break;
		}
	return true;
}

int
port_files_prepare(struct port_files *files, const struct options *options,
    struct failure *failure)
{
	const struct assignments *given = &options->files;
	size_t i;

	if (given->count == 0)
		return 0;
	files->list = calloc(given->count, sizeof(*files->list));
	if (files->list == NULL)
		return fail(failure, 0, "out of memory");
	files->count = given->count;
	for (i = 0; i < given->count; i++) {
		files->list[i].name = given->list[i].name;
		files->list[i].is_port_file = given->list[i].is_port_file;
		if (prepare(&files->list[i], given->list[i].template,
		    failure) == -1)
			return -1;
	}
	return 0;
}

unsigned
port_files_placeholders(const struct port_files *files)
{
	unsigned words = 0;
	size_t i;

	for (i = 0; i < files->count; i++)
		if (!files->list[i].is_port_file)
			words |= template_placeholders(files->list[i].template,
			    files->list[i].template_length);
	return words;
}

static int
end_with_newline(struct port_file *file, struct failure *failure)
{
	char *text;

	if (file->text_length > 0 &&
	    file->text[file->text_length - 1] == '\n')
		return 0;
	text = realloc(file->text, file->text_length + 2);
	if (text == NULL)
		return fail(failure, 0, "out of memory");
	file->text = text;
	text[file->text_length++] = '\n';
	text[file->text_length] = '\0';
	return 0;
}

int
port_files_expand(struct port_files *files, const struct listeners *listeners,
    enum audience audience, struct failure *failure)
{
	struct port_file *file;
	size_t i;

	for (i = 0; i < files->count; i++) {
		file = &files->list[i];
		if (template_expand(file->template, file->template_length,
		    listeners, audience, &file->text, &file->text_length,
		    failure) == -1 ||
		    end_with_newline(file, failure) == -1)
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

/* The same directory as file: rename(2) works within one file system. */
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

static int
replace(struct port_file *file)
{
	char *temporary = temporary_name(file->name);
	struct stat status;
	mode_t mask;
	int fd, error;

	/* mkostemp(3) follows no link and opens no file that exists. */
	fd = temporary == NULL ? -1 : mkostemp(temporary, O_CLOEXEC);
	if (fd == -1) {
		error = errno;
		free(temporary);
		errno = error;
		return -1;
	}
	mask = umask(0);
	umask(mask);
	if (write_all(fd, file->text, file->text_length) == -1 ||
	    fchmod(fd, 0644 & ~mask) == -1 || fstat(fd, &status) == -1 ||
	    rename(temporary, file->name) == -1) {
		error = errno;
		unlink(temporary);
	} else {
		error = 0;
		file->device = status.st_dev;
		file->inode = status.st_ino;
	}
	if (close(fd) == -1 && error == 0)
		error = errno;
	free(temporary);
	errno = error;
	return error == 0 ? 0 : -1;
}

/*
 * A signal that comes just before open(2) blocks would not end it.  So this
 * asks for the reader of a FIFO again and again.  ENXIO: there is none.
 */
static int
open_other(const char *file, bool is_fifo, const struct signals *signals,
    int *signo)
{
	int fd;

	do
		fd = open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	while (fd == -1 && is_fifo && errno == ENXIO &&
	    (*signo = signals_await(signals, WAIT_MS)) == 0);
	return fd;
}

/*
 * Writes to what may not have room.  write(2) of PIPE_BUF bytes does not block
 * after POLLOUT.
 */
static int
write_slowly(int fd, const char *text, size_t length,
    const struct signals *signals, int *signo)
{
	struct pollfd output = { .fd = fd, .events = POLLOUT };
	size_t part;

	for (; length > 0; length -= part, text += part) {
		while (poll(&output, 1, WAIT_MS) == 0)
			if ((*signo = signals_await(signals, 0)) != 0)
				return -1;
		part = length < PIPE_BUF ? length : PIPE_BUF;
		if (write_all(fd, text, part) == -1)
			return -1;
	}
	return 0;
}

static int
write_report(struct port_file *file, const struct signals *signals, int *signo)
{
	int fd = named_descriptor(file->name), result, error;
	struct stat status;

	if (fd != -1)
		return write_slowly(fd, file->text, file->text_length,
		    signals, signo);
	if (stat(file->name, &status) == -1) {
		/* Replace nothing that could not be looked at. */
		if (errno != ENOENT && errno != ELOOP)
			return -1;
		return replace(file);
	}
	if (S_ISREG(status.st_mode))
		return replace(file);
	fd = open_other(file->name, S_ISFIFO(status.st_mode), signals, signo);
	if (fd == -1)
		return -1;
	result = write_slowly(fd, file->text, file->text_length, signals,
	    signo);
	error = errno;
	if (close(fd) == -1 && result == 0)
		return -1;
	errno = error;
	return result;
}

int
port_files_write(struct port_files *files, const struct signals *signals,
    int *signo, struct failure *failure)
{
	size_t i;

	*signo = 0;
	for (i = 0; i < files->count; i++)
		if (write_report(&files->list[i], signals, signo) == -1)
			return *signo != 0 ? -1 : fail(failure, errno,
			    "write %s", files->list[i].name);
	return 0;
}

void
port_files_recognise(struct port_files *files)
{
	struct port_file *file;
	struct stat status;
	size_t i;

	for (i = 0; i < files->count; i++) {
		file = &files->list[i];
		if (named_descriptor(file->name) == -1 &&
		    lstat(file->name, &status) == 0 &&
		    S_ISREG(status.st_mode)) {
			file->device = status.st_dev;
			file->inode = status.st_ino;
		}
	}
}

void
port_files_discard(struct port_files *files, bool ran)
{
	struct port_file *file;
	struct stat status;
	size_t i;

	for (i = 0; i < files->count; i++) {
		file = &files->list[i];
		if (!ran && file->inode != 0 &&
		    lstat(file->name, &status) == 0 &&
		    status.st_dev == file->device &&
		    status.st_ino == file->inode)
			unlink(file->name);
		free(file->template);
		free(file->text);
	}
	free(files->list);
}
