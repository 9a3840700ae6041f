/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/words.h"
#include "plan.h"
#include "told.h"

unsigned
plan_placeholders(const struct options *options, const struct port_files *files)
{
	const struct assignments *settings = &options->settings;
	unsigned placeholders = port_files_placeholders(files);
	char *const *argument;
	size_t i;

	for (argument = options->command + 1; *argument != NULL; argument++)
		placeholders |= template_placeholders(*argument,
		    strlen(*argument));
	for (i = 0; i < settings->count; i++)
		placeholders |= template_placeholders(
		    settings->list[i].template,
		    strlen(settings->list[i].template));
	if (told_port(options, files))
		placeholders |= 1U << PLACEHOLDER_PORT;
	return placeholders;
}

enum handoff
plan_handoff(const struct options *options, unsigned placeholders)
{
	bool takes = options->inetd ||
	    (placeholders & 1U << PLACEHOLDER_FD) != 0;
	bool binds = options->maps.count > 0 || (placeholders &
	    (1U << PLACEHOLDER_PORT | 1U << PLACEHOLDER_ADDR)) != 0;

	if (options->has_handoff)
		return options->handoff;
	return binds && !takes ? ADOPT : INHERIT;
}

/*
 * reserve is for TCP alone: a UDP socket that is reserved would swallow
 * datagrams, and a unix socket has no port.
 */
static int
check_sockets(const struct options *options, enum handoff handoff,
    size_t inherited, struct failure *failure)
{
	const struct spec *spec;
	size_t i, count = options->spec_count + inherited;

	if (options->inetd && count > 1)
		return fail(failure, 0, "--inetd: for one socket, not %zu",
		    count);
	for (i = 0; handoff == RESERVE && i < options->spec_count; i++) {
		spec = &options->specs[i];
		if (!spec_is_tcp(spec))
			return fail(failure, 0, "socket '%s': only tcp can be "
			    "reserved", spec->text);
	}
	return 0;
}

static size_t
count_open(const struct options *options)
{
	size_t i, count = 0;

	for (i = 0; i < options->spec_count; i++)
		count += options->specs[i].fd != 0;
	return count;
}

/* Whether -p or -w names standard output. */
static bool
writes_output(const struct assignments *files)
{
	const char *name;
	size_t i;

	for (i = 0; i < files->count; i++) {
		name = files->list[i].name;
		if (words_have("-,/dev/stdout,/dev/fd/1,/proc/self/fd/1", name,
		    strlen(name)))
			return true;
	}
	return false;
}

int
plan_check(const struct options *options, enum handoff handoff,
    size_t inherited, struct failure *failure)
{
	const struct {
		bool		 refused;
		const char	*why;
	} combinations[] = {
		{ options->inetd && options->no_pid,
		    "--no-pid: --inetd passes no LISTEN_ variables" },
		{ handoff == RESERVE && options->no_pid,
		    "--no-pid: no socket is passed under reserve" },
		{ handoff == ADOPT && options->has_handoff && options->no_pid,
		    "--no-pid: no socket is passed with -H adopt" },
		{ handoff == RESERVE && inherited + count_open(options) > 0,
		    "inherited sockets cannot be reserved" },
		{ handoff != ADOPT && options->maps.count > 0,
		    "-m: only with the handoff adopt" },
		{ handoff != INHERIT && options->inetd,
		    "--inetd: only with the handoff inherit" },
		{ handoff != INHERIT && options->on_demand,
		    "--on-demand: only with the handoff inherit" },
		{ options->background && options->client != NULL,
		    "-b: not with -c, which ends with its client" },
		{ options->background && options->on_demand,
		    "-b: not with --on-demand, which waits for a client" },
		{ options->background && options->inetd,
		    "-b: not with --inetd, whose input is the socket" },
		{ options->background && writes_output(&options->files),
		    "-b: standard output is not for -p and -w" },
		{ options->start_timeout > 0 && options->on_demand &&
		    options->client == NULL,
		    "-t: with --on-demand only where there is -c" },
	};
	size_t i;

	for (i = 0; i < sizeof(combinations) / sizeof(combinations[0]); i++)
		if (combinations[i].refused)
			return fail(failure, 0, "%s", combinations[i].why);
	return check_sockets(options, handoff, inherited, failure);
}

enum audience
plan_audience(const struct options *options, enum handoff handoff,
    bool occupied)
{
	if (options->inetd)
		return AUDIENCE_INETD;
	if (handoff == RESERVE ||
	    (handoff == ADOPT && (options->has_handoff || occupied)))
		return AUDIENCE_WITHOUT_FDS;
	return AUDIENCE_WITH_FDS;
}

int
plan_maps(const struct maps *maps, const struct listeners *listeners,
    struct failure *failure)
{
	const struct listener *listener;
	struct map *map;
	size_t i;

	for (i = 0; i < maps->count; i++) {
		map = &maps->list[i];
		listener = listeners_find(listeners, map->name,
		    map->name == NULL ? 0 : strlen(map->name));
		if (listener == NULL)
			return fail(failure, 0, "-m %s: there is no such "
			    "socket", map->text);
		if (listener_is_unix(listener))
			return fail(failure, 0, "-m %s: %s is a unix socket",
			    map->text, listener->addr);
		if (map->is_any && listener->type != SOCK_STREAM)
			return fail(failure, 0, "-m %s: %s is not for TCP",
			    map->text, listener->addr);
		map->socket = (size_t)(listener - listeners->list);
	}
	return 0;
}

bool
plan_may_reserve(const struct launch *launch)
{
	const struct listener *listener;
	size_t i;

	if (launch->options->has_handoff || launch->options->maps.count > 0)
		return false;
	for (i = 0; i < launch->listeners.count; i++) {
		listener = &launch->listeners.list[i];
		if (listener->inherited || listener_is_unix(listener) ||
		    listener->type != SOCK_STREAM)
			return false;
	}
	return true;
}

bool
plan_is_supervised(const struct launch *launch)
{
	return launch->handoff == ADOPT || launch->script != NULL ||
	    launch->options->has_stop_signal ||
	    launch->options->start_timeout > 0;
}

enum input
plan_input(const struct options *options)
{
	char *const *argument;

	if (options->client == NULL || options->inetd)
		return INPUT_CALLERS;
	for (argument = options->command + 1; *argument != NULL; argument++)
		if (words_have("-,/dev/stdin,/dev/fd/0,/proc/self/fd/0",
		    *argument, strlen(*argument)))
			return INPUT_SERVICES;
	return INPUT_SILENT;
}
