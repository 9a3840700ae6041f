/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/unquoted.h"
#include "handoff/lookalike.h"
#include "hints.h"
#include "process/procfs.h"
#include "told.h"

enum {
	TELLING = 1U << PLACEHOLDER_PORT | 1U << PLACEHOLDER_ADDR,
	TAKING = 1U << PLACEHOLDER_FD
};

static unsigned
placeholders(const char *text)
{
	return template_placeholders(text, strlen(text));
}

static unsigned
placeholders_of(const struct assignments *assignments)
{
	unsigned found = 0;
	size_t i;

	for (i = 0; i < assignments->count; i++)
		found |= placeholders(assignments->list[i].template);
	return found;
}

static unsigned
placeholders_of_command(const struct options *options)
{
	char *const *word = options->command + 1;
	unsigned found = 0;

	for (; *word != NULL; word++)
		found |= placeholders(*word);
	return found;
}

/*
 * Whether nothing says how the service gets its socket: then a word that looks
 * like a placeholder was to say it.
 */
static bool
is_told_nothing(const struct launch *launch)
{
	const struct options *options = launch->options;
	unsigned found = placeholders_of_command(options) |
	    placeholders_of(&options->settings) |
	    port_files_placeholders(launch->files);

	return (found & (TELLING | TAKING)) == 0 && !options->inetd &&
	    options->maps.count == 0 && !told_port(options, launch->files) &&
	    (!options->has_handoff || options->handoff != INHERIT);
}

static void
hint_client(const struct launch *launch)
{
	char script[LOG_MAX / 2];

	if (unquoted_client(launch->options, script, sizeof(script)) &&
	    unquoted_is_sure(launch->options))
		log_info(&launch->log, "-c takes one word: write -c '%s'",
		    script);
}

/* A portexec that is the service has placeholders of its own: {{port}}. */
static bool
runs_portexec(const struct options *options)
{
	char *const *word;

	for (word = options->command; *word != NULL; word++)
		if (strstr(*word, "portexec") != NULL)
			return true;
	return false;
}

static bool
hint_lookalike(const struct log *log, const char *text)
{
	char found[LOOKALIKE_MAX];
	const char *placeholder = lookalike_find(text, found);

	if (placeholder == NULL)
		return false;
	log_info(log, "'%s' is no placeholder: write %s", found, placeholder);
	return true;
}

static void
hint_placeholders(const struct launch *launch)
{
	const struct options *options = launch->options;
	char *const *word;
	size_t i;

	if (!is_told_nothing(launch) || runs_portexec(options))
		return;
	for (word = options->command + 1; *word != NULL; word++)
		if (hint_lookalike(&launch->log, *word))
			return;
	for (i = 0; i < options->settings.count; i++)
		if (hint_lookalike(&launch->log,
		    options->settings.list[i].template))
			return;
}

static bool
is_number(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* A name may be one that no shell can name, with a dot or a dash in it. */
static const char *
doubt_name(const char *name)
{
	if (strpbrk(name, ", \t\n") != NULL)
		return "write -e for each variable";
	if (is_number(name))
		return "to open a port write -l";
	if (name[0] == '-')
		return "an option before it lacks its value";
	if (strpbrk(name, "{}<>$") != NULL)
		return "write -e NAME={port}";
	return NULL;
}

static void
hint_names(const struct launch *launch)
{
	const struct assignments *settings = &launch->options->settings;
	const char *name, *why;
	size_t i;

	for (i = 0; i < settings->count; i++) {
		name = settings->list[i].name;
		why = doubt_name(name);
		if (why != NULL)
			log_info(&launch->log, "-e sets a variable named '%s': "
			    "%s", name, why);
	}
}

/* -e PORT=8080, and neither -l nor -m has that port. */
static void
hint_number(const struct launch *launch)
{
	const struct assignments *settings = &launch->options->settings;
	const struct assignment *setting;
	size_t i;

	if (!is_told_nothing(launch) || launch->options->has_handoff)
		return;
	for (i = 0; i < settings->count; i++) {
		setting = &settings->list[i];
		if (strcmp(setting->name, "PORT") == 0 &&
		    is_number(setting->template))
			log_info(&launch->log, "-e PORT=%s: that is no port of "
			    "portexec's: write -e PORT for any, or -l %s too",
			    setting->template, setting->template);
	}
}

/* Whether word is the value of an option that takes a port, or the option. */
static bool
tells_port(const char *before, const char *word)
{
	const char *value = strchr(word, '=');
	unsigned found = placeholders(word);

	if ((found & TELLING) == 0 || (found & TAKING) != 0)
		return false;
	if (word[0] == '-' && value != NULL)
		return told_is_option(word);
	return told_is_option(before) || strcmp(word, "{port}") == 0 ||
	    strcmp(word, "<port>") == 0;
}

/* By <fd> it is inherit, and who is told a port as well may bind it. */
static void
hint_both(const struct launch *launch)
{
	const struct options *options = launch->options;
	char *const *word = options->command + 1;
	unsigned all = placeholders_of_command(options) |
	    placeholders_of(&options->settings) |
	    port_files_placeholders(launch->files);

	if (options->has_handoff || options->inetd || (all & TAKING) == 0)
		return;
	for (; *word != NULL; word++)
		if (tells_port(word[-1], *word)) {
			log_info(&launch->log, "by {fd} it is inherit: %s is "
			    "passed the socket, and a bind() of its own for "
			    "'%s' will fail", launch->command[0], *word);
			return;
		}
}

/*
 * A fixed port of -l is the last argument, of python3 -m http.server say.  It
 * does not tell (told.h): before others it may be a time or a user.
 */
static void
hint_last(const struct launch *launch)
{
	const struct options *options = launch->options;
	char *const *word = options->command;
	char port[8];
	size_t i;

	while (word[1] != NULL)
		word++;
	if (word == options->command || word[-1][0] == '-' ||
	    options->has_handoff || launch->handoff != INHERIT ||
	    !is_told_nothing(launch))
		return;
	for (i = 0; i < options->spec_count; i++) {
		if (options->specs[i].fd != 0)
			continue;
		snprintf(port, sizeof(port), "%u",
		    address_port(&options->specs[i].address));
		if (strcmp(*word, port) != 0 || strcmp(port, "0") == 0)
			continue;
		log_info(&launch->log, "%s of -l is an argument of %s: if %s "
		    "binds it, write -H adopt", port, launch->command[0],
		    launch->command[0]);
		return;
	}
}

/* Options end at COMMAND: ./server --port {port} -c 'curl ...' */
static void
hint_order(const struct launch *launch)
{
	char *const *words = launch->options->command;
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	if (launch->options->client == NULL && count > 3 &&
	    (strcmp(words[count - 2], "-c") == 0 ||
	    strcmp(words[count - 2], "--client") == 0) &&
	    strchr(words[count - 1], ' ') != NULL &&
	    (placeholders(words[count - 3]) & TELLING) != 0)
		log_info(&launch->log, "options come before COMMAND, so %s is "
		    "%s's", words[count - 2], launch->command[0]);
}

static void
hint_addressee(const struct launch *launch)
{
	const struct options *options = launch->options;
	char name[PROCFS_NAME_MAX];
	size_t i;

	for (i = 0; i < options->spec_count; i++)
		if (options->specs[i].fd != 0)
			return;
	if (launch->addressee == 0)
		return;
	procfs_name(launch->addressee, name);
	log_info(&launch->log, "the socket at fd %d is for process %d (%s), by "
	    "LISTEN_PID: -l fd:%d takes it", FIRST_FD, launch->addressee,
	    name, FIRST_FD);
}

void
hints_log(const struct launch *launch)
{
	if (launch->log.verbosity == QUIET)
		return;
	hint_addressee(launch);
	hint_client(launch);
	hint_order(launch);
	hint_names(launch);
	hint_number(launch);
	hint_last(launch);
	hint_placeholders(launch);
	hint_both(launch);
}

const char *
hints_nested(const char *reason)
{
	/* Only portexec sets LISTEN_PORTS. */
	return strstr(reason, "another seccomp listener") == NULL ||
	    getenv("LISTEN_PORTS") == NULL ? "" : ": the portexec around "
	    "this one needs -H inherit, and no -m";
}
