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

/* Whether it is one of protocol; most variables are not even near. */
static bool
is_protocol(const char *variable)
{
	size_t i;

	if (strncmp(variable, "LISTEN_", 7) != 0)
		return false;
	for (i = 0; i < sizeof(protocol) / sizeof(protocol[0]); i++)
		if (is_named(variable, protocol[i]))
			return true;
	return false;
}

/* Leaves room for all that can come, and for the NULL at the end. */
static int
borrow(struct environment *environment, char *const variables[],
    const struct options *options, struct failure *failure)
{
	size_t more = sizeof(protocol) / sizeof(protocol[0]) +
	    options->settings.count;
	char *const *variable;
	size_t count = 0;

	while (variables[count] != NULL)
		count++;
	environment->list = calloc(count + more + 1,
	    sizeof(*environment->list));
	environment->made = calloc(more, sizeof(*environment->made));
	if (environment->list == NULL || environment->made == NULL)
		return fail(failure, 0, "out of memory");
	for (variable = variables; *variable != NULL; variable++)
		if (!is_protocol(*variable))
			environment->list[environment->count++] = *variable;
	return 0;
}

static void
unset(struct environment *environment, const char *name)
{
	char **kept = environment->list, **variable;

	for (variable = kept; *variable != NULL; variable++)
		if (!is_named(*variable, name))
			*kept++ = *variable;
	*kept = NULL;
	environment->count = (size_t)(kept - environment->list);
}

static int
add(struct environment *environment, const char *name, const char *value,
    struct failure *failure)
{
	char **made = &environment->made[environment->made_count];

	if (asprintf(made, "%s=%s", name, value) == -1)
		return fail(failure, 0, "out of memory");
	environment->made_count++;
	environment->list[environment->count++] = *made;
	environment->list[environment->count] = NULL;
	return 0;
}

static int
add_number(struct environment *environment, const char *name, uint64_t number,
    struct failure *failure)
{
	char value[24];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
	return add(environment, name, value, failure);
}

/* One field a socket, colon separated: the names, or the ports. */
static int
add_fields(struct environment *environment, const char *name,
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
		else if (!listener_is_unix(&listeners->list[i]))
			buffer_append_number(&output, listeners->list[i].port);
	}
	if (buffer_finish(&output, &value, NULL) == -1)
		return fail(failure, 0, "out of memory");
	status = add(environment, name, value, failure);
	free(value);
	return status;
}

static int
add_protocol(struct environment *environment,
    const struct listeners *listeners, const struct options *options,
    enum reader reader, const struct identity *self, struct failure *failure)
{
	const struct listener *first = &listeners->list[0];

	if (reader == READER_INETD && self != NULL)
		return 0;
	if (listeners->count > 0 && !listener_is_unix(first) &&
	    add_number(environment, "LISTEN_PORT", first->port, failure) == -1)
		return -1;
	if (add_fields(environment, "LISTEN_PORTS", listeners, false,
	    failure) == -1)
		return -1;
	if (reader == READER_WITHOUT_FDS || self == NULL)
		return 0;
	if (add_number(environment, "LISTEN_FDS", listeners->count,
	    failure) == -1 ||
	    add_fields(environment, "LISTEN_FDNAMES", listeners, true,
	    failure) == -1)
		return -1;
	if (options->no_pid)
		return 0;
	if (add_number(environment, "LISTEN_PID", (uint64_t)self->pid,
	    failure) == -1)
		return -1;
	return self->pidfd_id == 0 ? 0 : add_number(environment,
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
		unset(environment, setting->name);
		status = add(environment, setting->name, value, failure);
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
	*environment = (struct environment){ 0 };
	if (borrow(environment, variables, options, failure) == -1 ||
	    add_protocol(environment, listeners, options, reader, self,
	    failure) == -1)
		return -1;
	return apply_settings(environment, listeners, options, reader,
	    failure);
}

void
environment_free(struct environment *environment)
{
	size_t i;

	for (i = 0; i < environment->made_count; i++)
		free(environment->made[i]);
	free(environment->made);
	free(environment->list);
}
