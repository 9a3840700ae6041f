#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "environment.h"

#ifndef PIDFS_MAGIC
#define PIDFS_MAGIC	0x50494446	/* linux/magic.h, since 6.9 */
#endif

enum { OF_SOCKETS = 4 };	/* the first of protocol: what is passed */

static const char *const protocol[] = {
	"LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDNAMES",
	"LISTEN_FDS_FIRST_FD", "LISTEN_PORT", "LISTEN_PORTS"
};

struct identity
environment_identify(void)
{
	struct identity self = { .pid = getpid() };
	struct statfs system;
	struct stat status;
	int fd;

	fd = (int)syscall(SYS_pidfd_open, self.pid, 0);
	if (fd == -1)
		return self;
	if (fstatfs(fd, &system) == 0 && system.f_type == PIDFS_MAGIC &&
	    fstat(fd, &status) == 0)
		self.pidfd_id = (uint64_t)status.st_ino;
	close(fd);
	return self;
}

static bool
is_named(const char *variable, const char *name)
{
	size_t length = strlen(name);

	return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

static const char *
find(char *const variables[], const char *name)
{
	for (; *variables != NULL; variables++)
		if (is_named(*variables, name))
			return *variables + strlen(name) + 1;
	return NULL;
}

/* Returns false where text is not a plain decimal number. */
static bool
parse_decimal(const char *text, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

const char *
environment_reserved(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < OF_SOCKETS; i++)
		if (strlen(protocol[i]) == length &&
		    memcmp(protocol[i], name, length) == 0)
			return protocol[i];
	return NULL;
}

static size_t
count_inherited(char *const variables[], const struct identity *self)
{
	const char *fds = find(variables, "LISTEN_FDS");
	const char *pid = find(variables, "LISTEN_PID");
	const char *pidfd_id = find(variables, "LISTEN_PIDFDID");
	uint64_t number;

	if (fds == NULL || pid == NULL || !parse_decimal(pid, &number) ||
	    number != (uint64_t)self->pid)
		return 0;
	if (pidfd_id != NULL && (!parse_decimal(pidfd_id, &number) ||
	    number != self->pidfd_id))
		return 0;
	if (!parse_decimal(fds, &number) || number > (uint64_t)sysconf(
	    _SC_OPEN_MAX))
		return 0;
	return (size_t)number;
}

int
environment_inherited(char *const variables[], const struct identity *self,
    size_t *count, char ***names, struct failure *failure)
{
	static char unknown[] = "unknown";
	const char *given = find(variables, "LISTEN_FDNAMES");
	size_t i, length, fields = 1;
	char *copy, *name;

	*names = NULL;
	*count = count_inherited(variables, self);
	if (*count == 0)
		return 0;
	length = given == NULL ? 0 : strlen(given);
	*names = malloc(*count * sizeof(**names) + length + 1);
	if (*names == NULL)
		return fail(failure, 0, "out of memory");
	copy = (char *)(*names + *count);
	strlcpy(copy, given == NULL ? "" : given, length + 1);
	for (i = 0; i < length; i++)
		fields += copy[i] == ':';
	for (i = 0; i < *count; i++) {
		name = fields == *count ? strsep(&copy, ":") : unknown;
		(*names)[i] = *name == '\0' ? unknown : name;
	}
	return 0;
}

static void
unset(struct environment *environment, const char *name)
{
	size_t i, kept = 0;

	for (i = 0; i < environment->count; i++)
		if (is_named(environment->list[i], name))
			free(environment->list[i]);
		else
			environment->list[kept++] = environment->list[i];
	environment->count = kept;
}

/* Takes variable, "NAME=value", or the NULL at the end. */
static int
append(struct environment *environment, char *variable,
    struct failure *failure)
{
	char **list;

	list = reallocarray(environment->list,
	    environment->count + 1, sizeof(*list));
	if (list == NULL) {
		free(variable);
		return fail(failure, 0, "out of memory");
	}
	environment->list = list;
	list[environment->count++] = variable;
	return 0;
}

static int
set(struct environment *environment, const char *name, const char *value,
    struct failure *failure)
{
	char *variable;

	unset(environment, name);
	if (asprintf(&variable, "%s=%s", name, value) == -1)
		return fail(failure, 0, "out of memory");
	return append(environment, variable, failure);
}

static int
set_number(struct environment *environment, const char *name, uint64_t number,
    struct failure *failure)
{
	char value[24];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
	return set(environment, name, value, failure);
}

/* One field a socket, colon separated: the names, or the ports. */
static int
set_fields(struct environment *environment, const char *name,
    const struct listeners *listeners, bool names, struct failure *failure)
{
	struct buffer output = { 0 };
	char *value;
	size_t i;
	int status;

	for (i = 0; i < listeners->count; i++) {
		if (i > 0)
			buffer_append(&output, ":", 1);
		if (names)
			buffer_append_string(&output, listeners->list[i].name);
		else if (listeners->list[i].host[0] != '\0')
			buffer_append_number(&output, listeners->list[i].port);
	}
	if (buffer_finish(&output, &value, NULL) == -1)
		return fail(failure, 0, "out of memory");
	status = set(environment, name, value, failure);
	free(value);
	return status;
}

static int
set_protocol(struct environment *environment,
    const struct listeners *listeners, const struct options *options,
    enum reader reader, const struct identity *self, struct failure *failure)
{
	const struct listener *first = &listeners->list[0];

	if (reader == READER_INETD && self != NULL)
		return 0;
	if (listeners->count > 0 && first->host[0] != '\0' &&
	    set_number(environment, "LISTEN_PORT", first->port, failure) == -1)
		return -1;
	if (set_fields(environment, "LISTEN_PORTS", listeners, false,
	    failure) == -1)
		return -1;
	if (reader == READER_WITHOUT_FDS || self == NULL)
		return 0;
	if (set_number(environment, "LISTEN_FDS", listeners->count,
	    failure) == -1 ||
	    set_fields(environment, "LISTEN_FDNAMES", listeners, true,
	    failure) == -1)
		return -1;
	if (options->no_pid)
		return 0;
	if (set_number(environment, "LISTEN_PID", (uint64_t)self->pid,
	    failure) == -1)
		return -1;
	return self->pidfd_id == 0 ? 0 : set_number(environment,
	    "LISTEN_PIDFDID", self->pidfd_id, failure);
}

static int
apply_settings(struct environment *environment,
    const struct listeners *listeners, const struct options *options,
    enum reader reader, struct failure *failure)
{
	const struct assignment *setting;
	char *value;
	size_t i;
	int status;

	for (i = 0; i < options->settings.count; i++) {
		setting = &options->settings.list[i];
		if (template_expand(setting->template,
		    strlen(setting->template), listeners, reader, &value,
		    NULL, failure) == -1)
			return -1;
		status = set(environment, setting->name, value, failure);
		free(value);
		if (status == -1)
			return -1;
	}
	return 0;
}

int
environment_make(struct environment *environment, char *const variables[],
    const struct listeners *listeners, const struct options *options,
    enum reader reader, const struct identity *self, struct failure *failure)
{
	char *variable;
	size_t i;

	*environment = (struct environment){ 0 };
	for (; *variables != NULL; variables++) {
		variable = strdup(*variables);
		if (variable == NULL)
			return fail(failure, 0, "out of memory");
		if (append(environment, variable, failure) == -1)
			return -1;
	}
	for (i = 0; i < sizeof(protocol) / sizeof(protocol[0]); i++)
		unset(environment, protocol[i]);
	if (set_protocol(environment, listeners, options, reader, self,
	    failure) == -1 ||
	    apply_settings(environment, listeners, options, reader,
	    failure) == -1)
		return -1;
	if (append(environment, NULL, failure) == -1)
		return -1;
	environment->count--;
	return 0;
}

void
environment_free(struct environment *environment)
{
	size_t i;

	for (i = 0; i < environment->count; i++)
		free(environment->list[i]);
	free(environment->list);
}
