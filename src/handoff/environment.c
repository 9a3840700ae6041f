/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/number.h"
#include "handoff/environment.h"

#define ANY_NUMBER	"18446744073709551615"	/* the longest */

/* Allocates room for all variables that can be added, and for the NULL. */
static int
borrow(struct environment *environment, char *const variables[],
    const struct options *options, struct failure *failure)
{
	size_t more = LISTEN_FDS_VARIABLES +
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
		if (!listen_fds_is_variable(*variable))
			environment->list[environment->count++] = *variable;
	return 0;
}

static void
unset(struct environment *environment, const char *name)
{
	char **kept = environment->list, **variable;

	for (variable = kept; *variable != NULL; variable++)
		if (!variable_is_named(*variable, name))
			*kept++ = *variable;
	*kept = NULL;
	environment->count = (size_t)(kept - environment->list);
}

static int
add(struct environment *environment, const char *name, const char *value,
    struct failure *failure)
{
	char *made = malloc(strlen(name) + 1 + strlen(value) + 1);

	if (made == NULL)
		return fail(failure, 0, "out of memory");
	stpcpy(stpcpy(stpcpy(made, name), "="), value);
	environment->made[environment->made_count++] = made;
	environment->list[environment->count++] = made;
	environment->list[environment->count] = NULL;
	return 0;
}

static int
add_number(struct environment *environment, const char *name, size_t number,
    struct failure *failure)
{
	char value[NUMBER_MAX];

	return add(environment, name, number_text(number, value), failure);
}

/* Adds a variable with room for any number, which *value is to have later. */
static int
add_room(struct environment *environment, const char *name, char **value,
    struct failure *failure)
{
	if (add(environment, name, ANY_NUMBER, failure) == -1)
		return -1;
	*value = environment->made[environment->made_count - 1] +
	    strlen(name) + 1;
	return 0;
}

static void
write_number(char *room, uint64_t number)
{
	char text[NUMBER_MAX];

	strlcpy(room, number_text(number, text), sizeof(ANY_NUMBER));
}

/* Adds the names or the ports of all sockets, separated by colons. */
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
    enum audience audience, bool for_client, struct failure *failure)
{
	const struct listener *first = &listeners->list[0];

	if (audience == AUDIENCE_INETD && !for_client)
		return 0;
	if (listeners->count > 0 && !listener_is_unix(first) &&
	    add_number(environment, "LISTEN_PORT", first->port, failure) == -1)
		return -1;
	if (add_fields(environment, "LISTEN_PORTS", listeners, false,
	    failure) == -1)
		return -1;
	if (audience == AUDIENCE_WITHOUT_FDS || for_client)
		return 0;
	if (add_number(environment, "LISTEN_FDS", listeners->count,
	    failure) == -1 ||
	    add_fields(environment, "LISTEN_FDNAMES", listeners, true,
	    failure) == -1)
		return -1;
	if (options->no_pid)
		return 0;
	if (add_room(environment, "LISTEN_PID", &environment->pid,
	    failure) == -1)
		return -1;
	return add_room(environment, "LISTEN_PIDFDID", &environment->pidfd_id,
	    failure);
}

static int
apply_settings(struct environment *environment,
    const struct listeners *listeners, const struct options *options,
    enum audience audience, struct failure *failure)
{
	const struct assignment *setting;
	char *value;
	size_t i;
	int status;

	for (i = 0; i < options->settings.count; i++) {
		setting = &options->settings.list[i];
		if (template_expand(setting->template,
		    strlen(setting->template), listeners, audience, &value,
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
    enum audience audience, bool for_client, struct failure *failure)
{
	*environment = (struct environment){ 0 };
	if (borrow(environment, variables, options, failure) == -1 ||
	    add_protocol(environment, listeners, options, audience, for_client,
	    failure) == -1)
		return -1;
	return apply_settings(environment, listeners, options, audience,
	    failure);
}

void
environment_identify(struct environment *environment,
    const struct identity *self)
{
	if (environment->pid == NULL)
		return;
	write_number(environment->pid, (uint64_t)self->pid);
	if (self->pidfd_id == 0)
		unset(environment, "LISTEN_PIDFDID");
	else
		write_number(environment->pidfd_id, self->pidfd_id);
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
