/* SPDX-License-Identifier: ISC */
/* The command line: what it becomes, and what is refused and why. */

#include <stdio.h>
#include <string.h>

#include "plan.h"
#include "unit.h"

enum { WORDS_MAX = 32 };

/* A command line from a row of a table: its words, with '|' between. */
struct line {
	char	*text;
	char	*argv[WORDS_MAX + 1];
	int	 argc;
};

static void
line_split(struct line *line, const char *words)
{
	char *rest;

	ck_assert_int_gt(asprintf(&line->text, "portexec|%s", words), 0);
	rest = line->text;
	for (line->argc = 0; rest != NULL; line->argc++) {
		ck_assert_int_lt(line->argc, WORDS_MAX);
		line->argv[line->argc] = strsep(&rest, "|");
	}
	line->argv[line->argc] = NULL;
}

static void
describe_assignments(FILE *output, const char *what,
    const struct assignments *assignments)
{
	size_t i;

	for (i = 0; i < assignments->count; i++)
		fprintf(output, "%s %s=%s ", what, assignments->list[i].name,
		    assignments->list[i].template);
}

/* What differs from the defaults, then "| " and the command. */
static void
describe(char *text, size_t size, const struct options *options)
{
	FILE *output = fmemopen(text, size, "w");
	size_t i;

	ck_assert_ptr_nonnull(output);
	for (i = 0; i < options->spec_count; i++)
		fprintf(output, "listen %s ", options->specs[i].text);
	describe_assignments(output, "set", &options->settings);
	describe_assignments(output, "write", &options->files);
	fprintf(output, "%s%s%s%s|",
	    options->background ? "background " : "",
	    options->handoff == RESERVE ? "reserve " : "",
	    options->no_pid ? "no-pid " : "",
	    options->verbosity == QUIET ? "quiet " :
	    options->verbosity == VERBOSE ? "verbose " : "");
	for (i = 0; options->command[i] != NULL; i++)
		fprintf(output, " %s", options->command[i]);
	fclose(output);
}

static const struct { const char *words, *result; } accepted[] = {
	/* Where the options end. */
	{ "true", "| true" },
	{ "true|a|b", "| true a b" },
	{ "--|true", "| true" },
	{ "true|-q", "| true -q" },
	{ "true|--|-q", "| true -- -q" },
	{ "-q|true|-v", "quiet | true -v" },
	{ "--|-q", "| -q" },
	{ "--|--", "| --" },
	{ "-", "| -" },
	{ "", "| " },
	{ "true|--help", "| true --help" },

	/* Every option, in each spelling. */
	{ "-l|0|true", "listen 0 | true" },
	{ "-l0|true", "listen 0 | true" },
	{ "--listen|0|true", "listen 0 | true" },
	{ "--listen=0|true", "listen 0 | true" },
	{ "--lis|0|true", "listen 0 | true" },
	{ "-l|1|-l|a=udp:2|true", "listen 1 listen a=udp:2 | true" },
	{ "-l|localhost:0|true",
	    "listen localhost:0 listen localhost:0 | true" },
	{ "-l|1|-l|tcp+udp:localhost:0|-l|2|true",
	    "listen 1 listen tcp+udp:localhost:0 listen tcp+udp:localhost:0 "
	    "listen tcp+udp:localhost:0 listen tcp+udp:localhost:0 listen 2 "
	    "| true" },
	{ "-e|A|true", "set A=<port> | true" },
	{ "-eA|true", "set A=<port> | true" },
	{ "--env|A|true", "set A=<port> | true" },
	{ "--env=A=b|true", "set A=b | true" },
	{ "-e|A=|true", "set A= | true" },
	{ "-e|A=b=c|true", "set A=b=c | true" },
	{ "-e|A==|true", "set A== | true" },
	{ "-e|A=1|-e|B|-e|A=2|true", "set A=1 set B=<port> set A=2 | true" },
	{ "-e|a b.c|true", "set a b.c=<port> | true" },
	{ "-e|LISTEN_PORT|true", "set LISTEN_PORT=<port> | true" },
	{ "-e|LISTEN_PORTS=x|true", "set LISTEN_PORTS=x | true" },
	{ "-e|LISTEN_FD|true", "set LISTEN_FD=<port> | true" },
	{ "-e|LISTEN_FDSX|true", "set LISTEN_FDSX=<port> | true" },
	{ "-e|listen_fds|true", "set listen_fds=<port> | true" },
	{ "-p|f|true", "write f=<port> | true" },
	{ "-pf|true", "write f=<port> | true" },
	{ "-p|-|true", "write -=<port> | true" },
	{ "-p|a=b|true", "write a=b=<port> | true" },
	{ "--port-file|f|true", "write f=<port> | true" },
	{ "--port-file=f|true", "write f=<port> | true" },
	{ "-w|f=x|true", "write f=x | true" },
	{ "-w|f=|true", "write f= | true" },
	{ "-w|f=@in|true", "write f=@in | true" },
	{ "-w|f=a=b|true", "write f=a=b | true" },
	{ "--write=f=x|true", "write f=x | true" },
	{ "-w|a=1|-p|b|-w|a=2|true",
	    "write a=1 write b=<port> write a=2 | true" },
	{ "-H|inherit|true", "| true" },
	{ "-H|reserve|true", "reserve | true" },
	{ "--handoff=reserve|true", "reserve | true" },
	{ "-H|reserve|-H|inherit|true", "| true" },
	{ "-b|true", "background | true" },
	{ "--background|true", "background | true" },
	{ "-qb|true", "background quiet | true" },
	{ "--no-pid|true", "no-pid | true" },
	{ "-q|true", "quiet | true" },
	{ "--quiet|true", "quiet | true" },
	{ "-v|true", "verbose | true" },
	{ "--verbose|true", "verbose | true" },
	{ "-qv|true", "verbose | true" },
	{ "-vq|true", "quiet | true" },
	{ "-ql0|true", "listen 0 quiet | true" },
	{ "-qHreserve|true", "reserve quiet | true" },

	/* A value may look like an option. */
	{ "-p|-q|true", "write -q=<port> | true" },
	{ "-e|-q|true", "set -q=<port> | true" },
	{ "--env=--|true", "set --=<port> | true" },
	{ "-p|./--|--|true", "write ./--=<port> | true" },

	/* Only tcp can be reserved; what is not reserved may be anything. */
	{ "-H|reserve|-l|tcp:[::1]:0|true",
	    "listen tcp:[::1]:0 reserve | true" },
	{ "-H|reserve|-l|localhost:0|true",
	    "listen localhost:0 listen localhost:0 reserve | true" },
	{ "-H|reserve|-l|udp:0|-H|inherit|true", "listen udp:0 | true" },
};

START_TEST(accepts)
{
	struct options options;
	struct failure failure = { "" };
	struct line line;
	char text[1024];

	line_split(&line, accepted[_i].words);
	ck_assert_msg(options_parse(&options, line.argc, line.argv,
	    &failure) == 0, "%s: %s", accepted[_i].words, failure.text);
	ck_assert_int_eq(options.action, RUN);
	describe(text, sizeof(text), &options);
	ck_assert_str_eq(text, accepted[_i].result);
	options_free(&options);
	free(line.text);
}
END_TEST

static const struct {
	const char	*words;
	enum action	 action;
} shown[] = {
	{ "-h", SHOW_HELP },
	{ "--help", SHOW_HELP },
	{ "--he", SHOW_HELP },
	{ "-V", SHOW_VERSION },
	{ "--version", SHOW_VERSION },
	{ "-hV", SHOW_HELP },
	{ "-Vh", SHOW_VERSION },
	{ "-q|-h|true", SHOW_HELP },
	{ "-l|0|-e|A|-p|f|-w|g=h|-H|reserve|-h", SHOW_HELP },
	{ "-H|reserve|-l|udp:0|-V", SHOW_VERSION },
	{ "-h|-x", SHOW_HELP },
	{ "--help|--|", SHOW_HELP },
};

START_TEST(shows)
{
	struct options options;
	struct failure failure = { "" };
	struct line line;

	line_split(&line, shown[_i].words);
	ck_assert_msg(options_parse(&options, line.argc, line.argv,
	    &failure) == 0, "%s: %s", shown[_i].words, failure.text);
	ck_assert_int_eq(options.action, shown[_i].action);
	options_free(&options);
	free(line.text);
}
END_TEST

#define TRY	" (try 'portexec --help')"

static const struct { const char *words, *reason; } refused[] = {
	/* No command. */
	{ "--", "no command" TRY },
	{ "-q", "no command" TRY },
	{ "-l|0", "no command" TRY },
	{ "-H|inherit|--", "no command" TRY },

	/* Unknown, on its own and in company. */
	{ "-x|true", "unknown option '-x'" TRY },
	{ "-xq|true", "unknown option '-x'" TRY },
	{ "-qx|true", "unknown option '-x'" TRY },
	{ "-qxv|true", "unknown option '-x'" TRY },
	{ "-q|-x|true", "unknown option '-x'" TRY },
	{ "--no-pid|-x|true", "unknown option '-x'" TRY },
	{ "--no-pid|-xq|true", "unknown option '-x'" TRY },
	{ "--listen=0|-xq|true", "unknown option '-x'" TRY },
	{ "-?|true", "unknown option '-?'" TRY },
	{ "-:|true", "unknown option '-:'" TRY },
	{ "-d|true", "unknown option '-d': write -l udp:PORT, or -l unixgram" },
	{ "-qd|true", "unknown option '-d': write -l udp:PORT" },
	{ "--datagram|true", "unknown option '--datagram': write -l udp:" },
	{ "--seqpacket", "unknown option '--seqpacket': write -l unixpacket" },
	{ "--fdname=a:b", "unknown option '--fdname=a:b': write -l NAME=" },
	{ "--fdname|a", "unknown option '--fdname': write -l NAME=ADDRESS" },
	{ "-E|A=b|true", "unknown option '-E': write -e NAME=VALUE" },
	{ "--setenv=A", "unknown option '--setenv=A': write -e NAME=VALUE" },
	{ "-a", "unknown option '-a': write portexec -- systemd-socket-" },
	{ "--accept", "unknown option '--accept': write portexec -- systemd-" },
	{ "--now|true", "unknown option '--now': it is what portexec does" },
	{ "--host|::|true", "unknown option '--host': write -l HOST:PORT" },
	{ "--timeout|9|true", "unknown option '--timeout': write -t SECONDS" },
	{ "--wait|true", "unknown option '--wait': a client can connect" },
	{ "--waits|true", "unknown option '--waits'" TRY },
	{ "-W|foo|true", "unknown option '-W'" TRY },
	{ "-q-|true", "unknown option '--'" TRY },
	{ "--nonsense|true", "unknown option '--nonsense'" TRY },
	{ "--nonsense=1|true", "unknown option '--nonsense=1'" TRY },
	{ "--=|true", "unknown option '--='" TRY },
	{ "--ver|true", "'--ver'" },
	{ "-\n|true", "unknown option '-?'" TRY },

	/* Values that are missing, or not wanted. */
	{ "-e|--|true", "option '-e' needs a value, not '--'" },
	{ "-p|--|true", "option '-p' needs a value, not '--'" },
	{ "-qp|--|true", "option '-p' needs a value, not '--'" },
	{ "-w|--|true", "option '-w' needs a value, not '--'" },
	{ "--port|--|true", "option '--port' needs a value, not '--'" },
	{ "--env|--|true", "option '--env' needs a value, not '--'" },
	{ "-c|--|true", "option '-c' needs a value, not '--'" },
	{ "-m|--|true", "option '-m' needs a value, not '--'" },
	{ "-l|--|true", "option '-l' needs a value, not '--'" },
	{ "-l", "option '-l' needs a value" TRY },
	{ "-e", "option '-e' needs a value" TRY },
	{ "-p", "option '-p' needs a value" TRY },
	{ "-w", "option '-w' needs a value" TRY },
	{ "-H", "option '-H' needs a value" TRY },
	{ "-q|-ql", "needs a value" TRY },
	{ "--listen", "option '--listen' needs a value" TRY },
	{ "--env", "option '--env' needs a value" TRY },
	{ "--port-file", "option '--port-file' needs a value" TRY },
	{ "--write", "option '--write' needs a value" TRY },
	{ "--handoff", "option '--handoff' needs a value" TRY },
	{ "--quiet=1|true", "option '--quiet=1' takes no value" },
	{ "--verbose=|true", "option '--verbose=' takes no value" },
	{ "--no-pid=x|true", "option '--no-pid=x' takes no value" },
	{ "--help=x", "option '--help=x' takes no value" },
	{ "--version=x", "option '--version=x' takes no value" },

	/* Bad values. */
	{ "-l||true", "socket '': " },
	{ "-l|65536|true", "socket '65536': the port is not a number" },
	{ "-l|0|-l|sctp:0|true", "socket 'sctp:0': 'sctp' is neither a type" },
	{ "-l=0|true", "socket '=0': the name is empty" },
	{ "-e||true", "-e '': the name is empty" },
	{ "-e|=|true", "-e '=': the name is empty" },
	{ "-e|=a|true", "-e '=a': the name is empty" },
	{ "-e|LISTEN_FDS|true", "-e 'LISTEN_FDS': LISTEN_FDS is portexec's" },
	{ "-e|LISTEN_FDS=1|true", "-e 'LISTEN_FDS=1': LISTEN_FDS is" },
	{ "-e|LISTEN_PID=1|true", "LISTEN_PID is portexec's own to set" },
	{ "-e|LISTEN_PIDFDID=|true", "LISTEN_PIDFDID is portexec's own" },
	{ "-e|LISTEN_FDNAMES=a|true", "LISTEN_FDNAMES is portexec's own" },
	{ "-e|A|-e|LISTEN_PID|true", "LISTEN_PID is portexec's own to set" },
	{ "-p||true", "-p '': the file's name is empty" },
	{ "-w||true", "-w '': not FILE=TEMPLATE" },
	{ "-w|f|true", "-w 'f': not FILE=TEMPLATE" },
	{ "-w|=x|true", "-w '=x': the file's name is empty" },
	{ "-w|=|true", "-w '=': the file's name is empty" },
	{ "-H||true", "-H '': not inherit, adopt or reserve" },
	{ "-H|Inherit|true", "-H 'Inherit': not inherit, adopt or reserve" },
	{ "-H|inherit |true", "-H 'inherit ': not inherit, adopt or reserve" },
	{ "-H|res|true", "-H 'res': not inherit, adopt or reserve" },
	{ "-H|fork|true", "-H 'fork': not inherit, adopt or reserve" },

	/* What cannot be reserved. */
	{ "-H|reserve|-l|udp:0|true", "socket 'udp:0': only tcp can be" },
	{ "-l|udp:0|-H|reserve|true", "socket 'udp:0': only tcp can be" },
	{ "-H|reserve|-l|/a|true", "socket '/a': only tcp can be reserved" },
	{ "-H|reserve|-l|@|true", "socket '@': only tcp can be reserved" },
	{ "-H|reserve|-l|0|-l|unixpacket:a|true", "only tcp can be reserved" },
	{ "-H|reserve|-l|tcp+udp:0|true", "only tcp can be reserved" },

	/* What does not go together. */
	{ "-H|reserve|--no-pid|true", "--no-pid: no socket is passed under" },
	{ "--inetd|--no-pid|true", "--no-pid: --inetd passes no LISTEN_" },
	{ "-H|reserve|--inetd|true", "--inetd: only with the handoff inherit" },
	{ "-H|adopt|--inetd|true", "--inetd: only with the handoff inherit" },
	{ "-H|adopt|--on-demand|true", "--on-demand: only with the handoff" },
	{ "-m|80|--on-demand|true", "--on-demand: only with the handoff" },
	{ "-m|80|--inetd|true", "-m: only with the handoff adopt" },
	{ "-H|inherit|-m|80|true", "-m: only with the handoff adopt" },
	{ "-H|reserve|-m|80|true", "-m: only with the handoff adopt" },
	{ "--inetd|-l|0|-l|0|true", "--inetd: for one socket, not 2" },
};

START_TEST(refuses)
{
	struct options options;
	struct failure failure = { "" };
	struct line line;
	int status;

	line_split(&line, refused[_i].words);
	status = options_parse(&options, line.argc, line.argv, &failure);
	if (status == 0)
		status = plan_check(&options, plan_handoff(&options, 0), 0,
		    &failure);
	options_free(&options);
	free(line.text);
	ck_assert_int_eq(status, -1);
	ck_assert_msg(strstr(failure.text, refused[_i].reason) != NULL,
	    "%s: %s", refused[_i].words, failure.text);
	ck_assert_ptr_null(strchr(failure.text, '\n'));
}
END_TEST

static const struct {
	const char	*seconds;
	int		 milliseconds;
} times[] = {
	{ "0", 0 }, { "0.0", 0 }, { "5", 5000 }, { "5.", 5000 },
	{ ".5", 500 }, { "0.29", 290 }, { "1.005", 1005 }, { "1.0059", 1005 },
	{ "0.0009", 0 }, { "007.25", 7250 }, { "0.12345678901234567890", 123 },
	{ "86399.999", 86399999 }, { "86400", 86400000 },
	{ "86400.000", 86400000 },
	{ "", -1 }, { ".", -1 }, { "-1", -1 }, { "+1", -1 }, { " 1", -1 },
	{ "1 ", -1 }, { "1s", -1 }, { "1e3", -1 }, { "0x1", -1 },
	{ "1.5.5", -1 }, { "1,5", -1 }, { "inf", -1 }, { "nan", -1 },
	{ "86400.001", -1 }, { "86401", -1 }, { "99999999999999999999", -1 },
};

START_TEST(takes_times_to_the_millisecond)
{
	struct options options;
	struct failure failure = { "" };
	struct line line;
	char words[64];
	int status;

	snprintf(words, sizeof(words), "-k|%s|-t|%s|true", times[_i].seconds,
	    times[_i].seconds);
	line_split(&line, words);
	status = options_parse(&options, line.argc, line.argv, &failure);
	ck_assert_int_eq(status == -1, times[_i].milliseconds == -1);
	if (status == 0) {
		ck_assert_int_eq(options.kill_after, times[_i].milliseconds);
		ck_assert_int_eq(options.start_timeout,
		    times[_i].milliseconds);
	} else
		ck_assert_ptr_nonnull(strstr(failure.text, "a day at most"));
	options_free(&options);
	free(line.text);
}
END_TEST

START_TEST(groups_are_expanded_in_order)
{
	struct options options;
	struct failure failure = { "" };
	struct line line;
	size_t i;

	line_split(&line, "-l|a=tcp+udp:localhost:0|-l|b=0|true");
	ck_assert_int_eq(options_parse(&options, line.argc, line.argv,
	    &failure), 0);
	ck_assert_uint_eq(options.spec_count, 5);
	for (i = 0; i < 4; i++) {
		ck_assert_str_eq(options.specs[i].name, "a");
		ck_assert_int_eq(options.specs[i].same_port, i > 0);
	}
	ck_assert_str_eq(options.specs[4].name, "b");
	ck_assert(!options.specs[4].same_port);
	options_free(&options);
	free(line.text);
}
END_TEST

/* Each row of the table of socket options stands in the help, once. */
START_TEST(help_has_every_socket_option)
{
	const struct socket_option *row = &socket_options[_i];
	char *help, *found, line[256];
	size_t length;
	FILE *output;

	output = open_memstream(&help, &length);
	ck_assert_ptr_nonnull(output);
	options_print_help(output);
	fclose(output);
	snprintf(line, sizeof(line), "\n  %s%s%s ", row->name,
	    row->value[0] == '\0' ? "" : "=", row->value);
	found = strstr(help, line);
	ck_assert_ptr_nonnull(found);
	ck_assert_ptr_null(strstr(found + 1, line));
	ck_assert_ptr_nonnull(strstr(found, row->meaning));
	free(help);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "accepted", accepts, LENGTH(accepted) },
		{ "shown", shows, LENGTH(shown) },
		{ "refused", refuses, LENGTH(refused) },
		{ "-k", takes_times_to_the_millisecond, LENGTH(times) },
		{ "groups", groups_are_expanded_in_order, 1 },
		{ "help", help_has_every_socket_option, OPTION_COUNT },
	};

	return run_units("options", units, LENGTH(units));
}
