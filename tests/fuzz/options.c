/* SPDX-License-Identifier: ISC */
/*
 * Any command line, a word a line: it is refused for a reason; or what came
 * of it is in its bounds, the same with a "--" before COMMAND, and chooses
 * the handoff that the manual says.
 */

#include "cli/unquoted.h"
#include "fuzz.h"
#include "handoff/lookalike.h"
#include "plan.h"
#include "told.h"

static void
check_assignments(const struct assignments *assignments)
{
	size_t i;

	for (i = 0; i < assignments->count; i++) {
		assert(assignments->list[i].name[0] != '\0');
		assert(strchr(assignments->list[i].name, '=') == NULL ||
		    assignments->list[i].is_port_file);
		assert(assignments->list[i].template != NULL);
	}
}

static void
check_bounds(const struct options *options)
{
	const struct map *map = options->maps.list;
	const struct spec *spec = options->specs;
	size_t i;

	check_assignments(&options->settings);
	check_assignments(&options->files);
	for (i = 0; i < options->maps.count; i++) {
		assert(map[i].is_any ? map[i].port == 0 :
		    map[i].port >= 1 && map[i].port <= 65535);
		assert(map[i].name == NULL || map[i].name[0] != '\0');
	}
	for (i = 0; i < options->spec_count; i++) {
		assert(spec[i].text != NULL);
		assert(i > 0 || !spec[i].same_port);
	}
	assert(options->kill_after >= 0 && options->kill_after <= 86400000);
	assert(options->client == NULL || options->client[0] != '\0');
}

/* The manual's HANDOFFS. */
static enum handoff
expected(const struct options *options, unsigned words)
{
	if (options->has_handoff)
		return options->handoff;
	if (options->inetd || (words & 1U << PLACEHOLDER_FD) != 0)
		return INHERIT;
	if (options->maps.count > 0 || (words & 1U << PLACEHOLDER_PORT) != 0 ||
	    (words & 1U << PLACEHOLDER_ADDR) != 0)
		return ADOPT;
	return INHERIT;
}

/* What is not refused makes sense under the handoff that was chosen. */
static void
check_plan(const struct options *options, unsigned words)
{
	enum handoff handoff = plan_handoff(options, words);
	bool reserves = handoff == RESERVE;
	struct failure failure = { "" };
	size_t i;

	if (plan_check(options, handoff, 0, &failure) == -1) {
		check_reason(&failure);
		return;
	}
	for (i = 0; reserves && i < options->spec_count; i++)
		assert(spec_is_tcp(&options->specs[i]));
	assert(!options->no_pid || (!options->inetd && !reserves));
	assert(options->maps.count == 0 || handoff == ADOPT);
	assert(!options->inetd || options->spec_count <= 1);
	assert(handoff == INHERIT || (!options->inetd && !options->on_demand));
	assert(!options->background || (options->client == NULL &&
	    !options->on_demand && !options->inetd));
}

static void
check_choice(const struct options *options)
{
	unsigned words;

	for (words = 0; words < 1U << PLACEHOLDER_COUNT; words++) {
		assert(plan_handoff(options, words) ==
		    expected(options, words));
		check_plan(options, words);
	}
}

/* What is looked for in words that are taken as they stand. */
static void
check_words(const struct options *options)
{
	const struct port_files none = { NULL, 0 };
	char found[LOOKALIKE_MAX], script[64];
	char *const *word;

	told_port(options, &none);
	if (unquoted_client(options, script, sizeof(script)))
		assert(strlen(script) > strlen(options->client) ||
		    strlen(script) == sizeof(script) - 1);
	for (word = options->command; *word != NULL; word++)
		if (lookalike_find(*word, found) != NULL)
			assert(found[0] != '\0' &&
			    strstr(*word, found) != NULL);
}

static bool
is_same_list(const struct assignments *a, const struct assignments *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (strcmp(a->list[i].name, b->list[i].name) != 0 ||
		    a->list[i].template != b->list[i].template ||
		    a->list[i].is_port_file != b->list[i].is_port_file)
			return false;
	return true;
}

static bool
is_same(const struct options *a, const struct options *b)
{
	return a->action == b->action &&
	    a->spec_count == b->spec_count &&
	    is_same_list(&a->settings, &b->settings) &&
	    is_same_list(&a->files, &b->files) &&
	    a->maps.count == b->maps.count && a->client == b->client &&
	    a->has_handoff == b->has_handoff && a->handoff == b->handoff &&
	    a->kill_after == b->kill_after && a->inetd == b->inetd &&
	    a->background == b->background &&
	    a->on_demand == b->on_demand && a->no_pid == b->no_pid &&
	    a->verbosity == b->verbosity;
}

/* COMMAND is the end of argv, as it was given; a "--" before it is none. */
static void
check_command(const struct options *options, int argc, char *argv[])
{
	size_t operands = 0, before;
	struct failure failure = { "" };
	struct options again;
	char *words[LINES_MAX + 4], dashes[] = "--";

	while (options->command[operands] != NULL)
		operands++;
	assert(operands > 0);
	before = (size_t)argc - operands;
	assert(options->command == argv + before);
	memcpy(words, argv, before * sizeof(*words));
	words[before] = dashes;
	memcpy(words + before + 1, argv + before,
	    (operands + 1) * sizeof(*words));
	if (strcmp(words[before - 1], "--") != 0) {
		assert(options_parse(&again, argc + 1, words, &failure) == 0);
		assert(again.command == words + before + 1);
		assert(is_same(options, &again));
		options_free(&again);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "portexec", *argv[LINES_MAX + 2] = { name };
	char *given[LINES_MAX + 2];
	struct failure failure = { "" };
	struct options options;
	struct lines lines;
	int argc;

	lines_split(&lines, data, size);
	argc = (int)lines.count + 1;
	memcpy(argv + 1, lines.list, (lines.count + 1) * sizeof(*argv));
	memcpy(given, argv, sizeof(given));
	if (options_parse(&options, argc, argv, &failure) == -1)
		check_reason(&failure);
	else if (options.action == RUN) {
		check_bounds(&options);
		check_choice(&options);
	check_words(&options);
		check_command(&options, argc, argv);
	}
	assert(memcmp(given, argv, ((size_t)argc + 1) *
	    sizeof(*argv)) == 0);
	options_free(&options);
	free(lines.text);
	return 0;
}
