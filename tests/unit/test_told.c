/* SPDX-License-Identifier: ISC */
/* Where a fixed port of -l is told the service, and where a number is not. */

#include <string.h>

#include "told.h"
#include "unit.h"

enum { WORDS = 16 };

/* A command line, its words separated by blanks. */
static const struct {
	const char	*line;
	bool		 told;
} lines[] = {
	/* Behind a mark. */
	{ "-l 8080 -- srv --port=8080", true },
	{ "-l 8080 -- srv 127.0.0.1:8080", true },
	{ "-l 8080 -- srv :8080", true },
	{ "-l 8080 -- srv http://localhost:8080/x", true },
	{ "-l 8080 -- srv -Dserver.port=8080", true },
	{ "-l 8080 -- env PORT=8080 srv", true },
	{ "-l 8080 -- srv a:80801,b:8080,c", true },
	{ "-l 8080 -- srv tcp:8080:80", true },
	{ "-l 8080 -- srv x 8080", false },
	{ "-l 8080 -- srv x/8080", false },
	{ "-l 8080 -- srv x,8080", false },
	{ "-l 80 -- srv --to=80.1.2.3", false },
	{ "-l 80 -- srv --to=80.", true },
	{ "-l 1 -- srv [::1]", false },
	{ "-l 1 -- srv [::1]:1", true },
	{ "-l 8080 -- srv --port=80800", false },
	{ "-l 8080 -- srv --port=18080", false },
	{ "-l 8080 -- srv --port=8080s", false },
	{ "-l 8080 -- srv --port=8080_", false },
	{ "-l 8080 -- srv --port=808", false },

	/* After an option. */
	{ "-l 8080 -- srv --port 8080", true },
	{ "-l 8080 -- srv --http-port 8080", true },
	{ "-l 8080 -- srv --listenPort 8080", true },
	{ "-l 8080 -- srv -PORT 8080", true },
	{ "-l 8080 -- srv --listen 8080", true },
	{ "-l 8080 -- srv --bind 8080", true },
	{ "-l 8080 -- srv --address 8080", true },
	{ "-l 8080 -- srv -p 8080", true },
	{ "-l 8080 -- srv -p 80800", false },
	{ "-l 8080 -- srv -P 8080", false },
	{ "-l 8080 -- srv port 8080", false },
	{ "-l 8080 -- srv --port x 8080", false },
	{ "-l 80 -- srv --bind 10.0.80.1", false },

	/* A user, a time, the service's own name. */
	{ "-l 1000 -- setpriv --reuid 1000 srv", false },
	{ "-l 3000 -- timeout 3000 srv", false },
	{ "-l 8080 -- srv:8080", false },
	{ "-l 8080 -- srv", false },
	{ "-l 8080 -- srv 8080", false },

	/* -e and -w. */
	{ "-l 8080 -e PORT=8080 srv", true },
	{ "-l 8080 -e URL=http://h:8080/ srv", true },
	{ "-l 8080 -e PORT=08080 srv", false },
	{ "-l 8080 -e A=8080s srv", false },
	{ "-l 8080 -e PORT8080=1 srv", false },

	/* Which port. */
	{ "srv --port 8080", false },
	{ "-l 0 -- srv --port 0", false },
	{ "-l fd:8080 -- srv --port 8080", false },
	{ "-l ./8080 -- srv --port 8080", false },
	{ "-l 1 -l udp:[::1]:8080 -- srv --port 8080", true },
	{ "-l web=localhost:8080,backlog=1 -- srv --port 8080", true },
	{ "-l 127.0.0.1:0,backlog=8080 -- srv --port 8080", false },
};

START_TEST(is_told)
{
	const struct port_files none = { NULL, 0 };
	char program[] = "portexec", *line = strdup(lines[_i].line), *rest;
	char *words[WORDS] = { program };
	struct options options;
	struct failure failure;
	int count = 1;

	ck_assert_ptr_nonnull(line);
	rest = line;
	while (rest != NULL && count < WORDS - 1)
		words[count++] = strsep(&rest, " ");
	ck_assert_int_eq(options_parse(&options, count, words, &failure), 0);
	ck_assert_int_eq(told_port(&options, &none), lines[_i].told);
	options_free(&options);
	free(line);
}
END_TEST

static const struct {
	const char	*text;
	size_t		 length;
	bool		 is_port_file, told;
} written[] = {
	{ "a\nport=8080\n", 12, false, true },
	{ "a\nport=8080\n", 11, false, true },
	{ "a\nport=8080\n", 10, false, false },
	{ "\0:8080", 6, false, true },
	{ "8080", 4, false, false },
	{ "timeout 8080", 12, false, false },
	{ "port=8080", 9, true, false },
};

START_TEST(is_written)
{
	char text[32], name[] = "srv", *command[] = { name, NULL };
	struct port_file file = { .template = text,
	    .template_length = written[_i].length,
	    .is_port_file = written[_i].is_port_file };
	const struct port_files files = { &file, 1 };
	struct spec spec = { .address.in = { .sin_family = AF_INET } };
	const struct options options = { .specs = &spec, .spec_count = 1,
	    .command = command };

	address_set_port(&spec.address, 8080);
	memcpy(text, written[_i].text, written[_i].length);
	ck_assert_int_eq(told_port(&options, &files), written[_i].told);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "told", is_told, LENGTH(lines) },
		{ "written", is_written, LENGTH(written) },
	};

	return run_units("told", units, LENGTH(units));
}
