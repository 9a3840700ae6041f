/* SPDX-License-Identifier: ISC */
/*
 * Any environment, a variable a line, and with it the option words of those
 * lines that begin with '-': what it passes has names that can be passed
 * on; what is made of it passes the same sockets to the service and to
 * nobody else, and keeps all other variables.
 */

#include <sys/resource.h>

#include <stdio.h>

#include "fuzz.h"
#include "handoff/environment.h"

enum { SOCKETS_MAX = 4 };

static const struct identity self = { 4711, 815 };
static const struct identity others[] = {
	{ 4712, 815 }, { 4711, 816 }, { 4711, 0 }, { 1, 0 }
};

struct input {
	char		*variables[LINES_MAX + 1], *words[LINES_MAX + 3];
	size_t		 variable_count;
	int		 word_count;
	struct options	 options;
	struct listener	 sockets[SOCKETS_MAX];
	struct listeners listeners;
};

static bool
is_named(const char *variable, const char *name)
{
	size_t length = strlen(name);

	return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

/* Is rewritten, whatever it says. */
static bool
is_protocol(const char *variable)
{
	static const char *const names[] = { "LISTEN_FDS", "LISTEN_PID",
	    "LISTEN_PIDFDID", "LISTEN_FDNAMES", "LISTEN_FDS_FIRST_FD",
	    "LISTEN_PORT", "LISTEN_PORTS" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_named(variable, names[i]))
			return true;
	return false;
}

static bool
is_set(const struct options *options, const char *variable)
{
	size_t i;

	for (i = 0; i < options->settings.count; i++)
		if (is_named(variable, options->settings.list[i].name))
			return true;
	return false;
}

static size_t
inherit(char *const variables[], const struct identity *who, char ***names)
{
	struct failure failure = { "" };
	size_t count;

	assert(listen_fds_inherited(variables, who, &count, names,
	    &failure) == 0);
	assert((*names == NULL) == (count == 0));
	return count;
}

static size_t
count_inherited(char *const variables[], const struct identity *who)
{
	char **names;
	size_t count = inherit(variables, who, &names);

	free(names);
	return count;
}

/* Sockets of the names that were passed, as listeners_inherit() has them. */
static void
make_sockets(struct input *input)
{
	char **names;
	size_t i, count = inherit(input->variables, &self, &names);
	struct listener *socket;

	for (i = 0; i < count; i++) {
		assert(names[i][0] != '\0' && strchr(names[i], ':') == NULL);
		if (i >= SOCKETS_MAX)
			continue;
		socket = &input->sockets[i];
		strlcpy(socket->name, names[i], sizeof(socket->name));
		socket->port = i == 1 ? 0 : 8080 + (unsigned)i;
		strlcpy(socket->host, i == 1 ? "" : "::1",
		    sizeof(socket->host));
		snprintf(socket->addr, sizeof(socket->addr), i == 1 ?
		    "./socket" : "[::1]:%u", socket->port);
	}
	free(names);
	input->listeners.list = input->sockets;
	input->listeners.count = count > SOCKETS_MAX ? SOCKETS_MAX : count;
}

static void
check_passed(char *const list[], const struct input *input)
{
	char **names;
	size_t i, count = inherit(list, &self, &names);

	assert(count == input->listeners.count);
	for (i = 0; i < count; i++)
		assert(strcmp(names[i], input->sockets[i].name) == 0);
	free(names);
	if (count > 0)
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			assert(count_inherited(list, &others[i]) == 0);
}

/* All others stay, in their order, and come first. */
static void
check_kept(char *const list[], const struct input *input)
{
	char *const *variable;

	for (variable = input->variables; *variable != NULL; variable++)
		if (!is_protocol(*variable) &&
		    !is_set(&input->options, *variable))
			assert(strcmp(*list++, *variable) == 0);
	for (; *list != NULL; list++)
		assert(is_protocol(*list) || is_set(&input->options, *list));
}

static void
check_made(const struct input *input, enum audience audience, bool for_client)
{
	bool passes = !for_client && !input->options.no_pid &&
	    audience == AUDIENCE_WITH_FDS;
	struct environment environment;
	struct failure failure = { "" };

	if (environment_make(&environment, input->variables,
	    &input->listeners, &input->options, audience, for_client,
	    &failure) == 0) {
		environment_identify(&environment, &self);
		assert(environment.list[environment.count] == NULL);
		check_kept(environment.list, input);
		if (passes)
			check_passed(environment.list, input);
		else
			assert(count_inherited(environment.list, &self) == 0);
	} else
		check_reason(&failure);
	environment_free(&environment);
}

static void
sort_lines(struct input *input, const struct lines *lines)
{
	static char name[] = "portexec", command[] = "true";
	size_t i;

	input->words[input->word_count++] = name;
	for (i = 0; i < lines->count; i++)
		if (lines->list[i][0] == '-')
			input->words[input->word_count++] = lines->list[i];
		else
			input->variables[input->variable_count++] =
			    lines->list[i];
	input->words[input->word_count++] = command;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rlimit limit = { 64, 64 };		/* LISTEN_FDS's too */
	struct failure failure = { "" };
	struct input input = { 0 };
	struct lines lines;
	int audience;

	setrlimit(RLIMIT_NOFILE, &limit);
	lines_split(&lines, data, size);
	sort_lines(&input, &lines);
	if (options_parse(&input.options, input.word_count, input.words,
	    &failure) == 0 && input.options.action == RUN) {
		make_sockets(&input);
		for (audience = 0; audience <= AUDIENCE_INETD; audience++) {
			check_made(&input, (enum audience)audience, false);
			check_made(&input, (enum audience)audience, true);
		}
	}
	options_free(&input.options);
	free(lines.text);
	return 0;
}
