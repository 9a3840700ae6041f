/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/values.h"
#include "process/signals.h"
#include "socket/listen_fds.h"
#include "socket/spelling.h"

static const struct {
	char		name[8];
	enum handoff	handoff;
} handoffs[] = {
	{ "inherit", INHERIT },
	{ "adopt", ADOPT },
	{ "reserve", RESERVE },
};

int
value_listen(struct options *options, const char *text,
    struct failure *failure)
{
	struct spec members[SPEC_MEMBERS_MAX], *list;
	int count;

	count = spec_parse(text, members, failure);
	if (count == -1)
		return spelling_explain(text, failure);
	list = reallocarray(options->specs,
	    options->spec_count + (size_t)count, sizeof(*list));
	if (list == NULL)
		return fail(failure, 0, "out of memory");
	memcpy(list + options->spec_count, members,
	    (size_t)count * sizeof(*list));
	options->specs = list;
	options->spec_count += (size_t)count;
	return 0;
}

static int
add_assignment(struct assignments *assignments, const char *name,
    size_t name_length, const char *template, struct failure *failure)
{
	struct assignment *list;

	list = reallocarray(assignments->list, assignments->count + 1,
	    sizeof(*list));
	if (list == NULL)
		return fail(failure, 0, "out of memory");
	assignments->list = list;
	list[assignments->count].name = strndup(name, name_length);
	list[assignments->count].template = template;
	list[assignments->count].is_port_file = false;
	if (list[assignments->count].name == NULL)
		return fail(failure, 0, "out of memory");
	assignments->count++;
	return 0;
}

int
value_env(struct options *options, const char *text, struct failure *failure)
{
	size_t length = strcspn(text, "=");
	const char *reserved = listen_fds_reserved(text, length);

	if (length == 0)
		return fail(failure, 0, "-e '%s': the name is empty", text);
	if (reserved != NULL)
		return fail(failure, 0, "-e '%s': %s is portexec's own to set",
		    text, reserved);
	return add_assignment(&options->settings, text, length,
	    text[length] == '=' ? text + length + 1 : "<port>", failure);
}

int
value_write(struct options *options, const char *text, struct failure *failure)
{
	size_t length = strcspn(text, "=");

	if (text[length] == '\0')
		return fail(failure, 0, "-w '%s': not FILE=TEMPLATE", text);
	if (length == 0)
		return fail(failure, 0, "-w '%s': the file's name is empty",
		    text);
	if (strcmp(text + length, "=@") == 0)
		return fail(failure, 0, "-w '%s': the template's name is "
		    "empty", text);
	return add_assignment(&options->files, text, length,
	    text + length + 1, failure);
}

int
value_port_file(struct options *options, const char *file,
    struct failure *failure)
{
	struct assignments *files = &options->files;

	if (*file == '\0')
		return fail(failure, 0, "-p '': the file's name is empty");
	if (file[strspn(file, "0123456789")] == '\0')
		return fail(failure, 0, "-p '%s': a port, not a file (-l %s "
		    "opens that port, -p ./%s is a file)", file, file, file);
	if (add_assignment(files, file, strlen(file), "<port>",
	    failure) == -1)
		return -1;
	files->list[files->count - 1].is_port_file = true;
	return 0;
}

/* Returns where PORT, of -m PORT[=SOCKET], ends; or NULL if it is none. */
static const char *
parse_map_port(const char *text, struct map *map)
{
	size_t length = strcspn(text, "=");

	map->is_any = length == 3 && strncmp(text, "any", length) == 0;
	if (map->is_any)
		return text + length;
	map->port = length > 5 ? 0 : (unsigned)strtoul(text, NULL, 10);
	return length == 0 || strspn(text, "0123456789") != length ||
	    map->port == 0 || map->port > 65535 ? NULL : text + length;
}

int
value_map(struct options *options, const char *text, struct failure *failure)
{
	struct map *list, map = { .text = text };
	const char *end = parse_map_port(text, &map);
	size_t i;

	if (end == NULL || strcmp(end, "=") == 0)
		return fail(failure, 0, "-m '%s': not PORT[=SOCKET], PORT "
		    "being a number from 1 to 65535, or any", text);
	for (i = 0; map.is_any && i < options->maps.count; i++)
		if (options->maps.list[i].is_any)
			return fail(failure, 0, "-m '%s': any is there "
			    "already, as %s", text, options->maps.list[i].text);
	map.name = *end == '=' ? end + 1 : NULL;
	list = reallocarray(options->maps.list, options->maps.count + 1,
	    sizeof(*list));
	if (list == NULL)
		return fail(failure, 0, "out of memory");
	options->maps.list = list;
	list[options->maps.count++] = map;
	return 0;
}

/* Returns a number of seconds, a day at most, as milliseconds; or -1. */
static int
parse_seconds(const char *text)
{
	enum { DAY = 86400 * 1000 };
	const char *at = text;
	int time = 0, unit;

	for (; isdigit((unsigned char)*at) && time <= DAY; at++)
		time = time * 10 + (*at - '0') * 1000;
	if (*at == '.')
		for (at++, unit = 100; isdigit((unsigned char)*at); at++) {
			time += (*at - '0') * unit;
			unit /= 10;
		}
	return *at != '\0' || strpbrk(text, "0123456789") == NULL ||
	    time > DAY ? -1 : time;
}

static int
set_seconds(int *seconds, char key, const char *text, struct failure *failure)
{
	int time = parse_seconds(text);

	if (time == -1)
		return fail(failure, 0, "-%c '%s': not a number of seconds, "
		    "a day at most", key, text);
	*seconds = time;
	return 0;
}

int
value_stop_signal(struct options *options, const char *text,
    struct failure *failure)
{
	int signo = signals_find(text);

	if (signo == -1)
		return fail(failure, 0, "-s '%s': not a signal, such as INT "
		    "or 2", text);
	options->has_stop_signal = true;
	options->stop_signal = signo;
	return 0;
}

int
value_kill_after(struct options *options, const char *text,
    struct failure *failure)
{
	return set_seconds(&options->kill_after, 'k', text, failure);
}

int
value_start_timeout(struct options *options, const char *text,
    struct failure *failure)
{
	return set_seconds(&options->start_timeout, 't', text, failure);
}

int
value_handoff(struct options *options, const char *text,
    struct failure *failure)
{
	size_t i;

	for (i = 0; i < sizeof(handoffs) / sizeof(handoffs[0]); i++)
		if (strcmp(text, handoffs[i].name) == 0) {
			options->handoff = handoffs[i].handoff;
			options->has_handoff = true;
			return 0;
		}
	return fail(failure, 0, "-H '%s': not inherit, adopt or reserve", text);
}

int
value_client(struct options *options, const char *script,
    struct failure *failure)
{
	if (options->client != NULL)
		return fail(failure, 0, "-c '%s': given twice", script);
	if (*script == '\0')
		return fail(failure, 0, "-c '': no script");
	options->client = script;
	return 0;
}
