/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervise/hint.h"

enum { BESIDE = 10 };	/* a port finder takes one of the next ports */

static void __attribute__((format(printf, 2, 3)))
append(char hint[HINT_MAX], const char *format, ...)
{
	size_t length = strlen(hint);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(hint + length, HINT_MAX - length, format, arguments);
	va_end(arguments);
}

static void
append_places(const struct survey *survey, char hint[HINT_MAX])
{
	size_t i, shown = survey->place_count < SURVEY_MAX ?
	    survey->place_count : SURVEY_MAX;
	char text[ADDR_MAX];

	for (i = 0; i < shown; i++) {
		address_format(&survey->places[i].address,
		    sizeof(survey->places[i].address), text);
		append(hint, "%s%s", i == 0 ? "" : i + 1 ==
		    survey->place_count ? " and " : ", ", text);
	}
	if (survey->place_count > SURVEY_MAX)
		append(hint, " and others");
}

/* The option that gives the port the socket that is awaited. */
static void
format_map(const struct awaited *awaited, unsigned port, char *text,
    size_t size)
{
	char label[LABEL_MAX];

	if (awaited->number == 0)
		snprintf(text, size, "--map %u", port);
	else if (listener_label(awaited->listener, label)[0] == '\0')
		snprintf(text, size, "--map %u=%zu", port, awaited->number);
	else
		snprintf(text, size, "--map %u=%s", port,
		    awaited->listener->name);
}

/* What to type, where the service listens at that port, or at several. */
static void
append_remedy(const struct awaited *awaited, unsigned port,
    char hint[HINT_MAX])
{
	static const char tell[] = "tell it the port, by {port} or -e PORT";
	char map[48 + SPEC_NAME_MAX] = "--map with its own port";

	if (awaited->listener->port == 0 ||
	    awaited->listener->type != SOCK_STREAM)
		return;
	if (awaited->survey->place_count == 1)
		format_map(awaited, port, map, sizeof(map));
	/* One that the kernel chose is another the next time. */
	if (awaited->handoff == RESERVE || awaited->any)
		append(hint, ": %s", tell);
	else if (awaited->handoff == INHERIT)
		append(hint, ": %s, or try %s", tell, map);
	else
		append(hint, ": try %s", map);
}

void
hint_places(const struct awaited *awaited, char hint[HINT_MAX])
{
	unsigned port = address_port(&awaited->survey->places[0].address);
	unsigned ours = awaited->listener->port;

	append_places(awaited->survey, hint);
	if (awaited->handoff != RESERVE && ours != 0 &&
	    awaited->survey->place_count == 1 && port > ours &&
	    port <= ours + BESIDE)
		append(hint, ": if it found %u in use by connecting to it, "
		    "try -H reserve", ours);
	else
		append_remedy(awaited, port, hint);
}

void
hint_make(const struct awaited *awaited, char hint[HINT_MAX])
{
	const struct survey *survey = awaited->survey;
	char text[ADDR_MAX];

	hint[0] = '\0';
	if (survey->stopped != 0)
		append(hint, "; process %d (%s) is stopped", survey->stopped,
		    awaited->stopped);
	else if (awaited->given)
		return;
	else if (survey->place_count > 0) {
		append(hint, "; it listens on ");
		hint_places(awaited, hint);
	} else if (survey->apart != 0) {
		address_format(&survey->apart_place.address,
		    sizeof(survey->apart_place.address), text);
		append(hint, "; process %d (%s) listens on %s in another "
		    "network namespace", survey->apart, awaited->apart, text);
	} else if (survey->agent[0] != '\0' && awaited->handoff != RESERVE)
		append(hint, "; what %s starts is not under portexec: try "
		    "-H reserve", survey->agent);
	else if (!survey->hidden && !survey->aside)
		append(hint, "; it listens nowhere yet%s",
		    awaited->has_ring && awaited->handoff == ADOPT ?
		    "; if it calls bind by io_uring, try -H reserve" : "");
}
