/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/number.h"
#include "handoff/variables.h"

#define LETTERS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS	"0123456789"
/* No shell reads these in NAME=value, except "=" where a word may begin. */
#define PLAIN	LETTERS DIGITS "._/:@%[]-+,="

static const char *const own[] = { "PORTEXEC_PORT", "PORTEXEC_PID" };

/* Returns the value that -e gave the variable, which the environment has. */
static const char *
value_of(const struct launch *launch, const char *name)
{
	char *const *variable;

	for (variable = launch->environment.list; *variable != NULL; variable++)
		if (variable_is_named(*variable, name))
			return *variable + strlen(name) + 1;
	return "";
}

static int
fail_value(const char *name, char read, struct failure *failure)
{
	char text[8];

	snprintf(text, sizeof(text), read > ' ' && read <= '~' ? "'%c'" :
	    "%#hhx", read);
	return fail(failure, 0, "-b: -e %s: a shell would read %s in its "
	    "value", name, text);
}

/* zsh replaces "=" at the beginning of a word by the path of a command. */
static int
check_variable(const char *name, const char *value, struct failure *failure)
{
	size_t i, plain = strspn(value, PLAIN);

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(name, own[i]) == 0)
			return fail(failure, 0, "-b: -e %s: that is -b's own "
			    "to set", name);
	if (strspn(name, LETTERS DIGITS "_") != strlen(name) ||
	    strchr(DIGITS, name[0]) != NULL)
		return fail(failure, 0, "-b: -e %s: not the name of a shell's "
		    "variable", name);
	if (value[plain] == '\0' && (value[0] == '=' ||
	    strstr(value, ":=") != NULL))
		plain = strcspn(value, "=");
	if (value[plain] != '\0')
		return fail_value(name, value[plain], failure);
	return 0;
}

int
variables_check(const struct launch *launch, struct failure *failure)
{
	const struct assignments *settings = &launch->options->settings;
	const char *name;
	size_t i;

	for (i = 0; i < settings->count; i++) {
		name = settings->list[i].name;
		if (check_variable(name, value_of(launch, name),
		    failure) == -1)
			return -1;
	}
	return 0;
}

static void
append_line(struct buffer *buffer, const char *name, const char *value)
{
	buffer_append_string(buffer, name);
	buffer_append_string(buffer, "=");
	buffer_append_string(buffer, value);
	buffer_append_string(buffer, "\n");
}

int
variables_make(const struct launch *launch, pid_t pid, char **lines,
    size_t *length)
{
	const struct assignments *settings = &launch->options->settings;
	const struct listener *first = &launch->listeners.list[0];
	struct buffer buffer = { 0 };
	char number[NUMBER_MAX];
	size_t i, later;

	if (!listener_is_unix(first))
		append_line(&buffer, own[0], number_text(first->port, number));
	append_line(&buffer, own[1], number_text((uint64_t)pid, number));
	for (i = 0; i < settings->count; i++) {
		for (later = i + 1; later < settings->count; later++)
			if (strcmp(settings->list[i].name,
			    settings->list[later].name) == 0)
				break;
		if (later == settings->count)
			append_line(&buffer, settings->list[i].name,
			    value_of(launch, settings->list[i].name));
	}
	return buffer_finish(&buffer, lines, length);
}
