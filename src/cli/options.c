/* SPDX-License-Identifier: ISC */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/foreign.h"
#include "cli/options.h"
#include "cli/values.h"

enum {
	INETD = 256,	/* long options only: above every character */
	ON_DEMAND,
	NO_PID,
	CHECK_HERE
};

/* Sets what the option key stands for, which takes no value. */
static void
set_flag(struct options *options, int key)
{
	switch (key) {
	case 'b':
		options->background = true;
		break;
	case INETD:
		options->inetd = true;
		break;
	case ON_DEMAND:
		options->on_demand = true;
		break;
	case NO_PID:
		options->no_pid = true;
		break;
	case 'q':
		options->verbosity = QUIET;
		break;
	case 'v':
		options->verbosity = VERBOSE;
		break;
	case CHECK_HERE:
		options->action = CHECK;
		break;
	case 'h':
		options->action = SHOW_HELP;
		break;
	case 'V':
		options->action = SHOW_VERSION;
		break;
	}
}

/* Does so for one that takes a value. */
static int
set_value(struct options *options, int key, const char *value,
    struct failure *failure)
{
	switch (key) {
	case 'l':
		return value_listen(options, value, failure);
	case 'e':
		return value_env(options, value, failure);
	case 'p':
		return value_port_file(options, value, failure);
	case 'w':
		return value_write(options, value, failure);
	case 'm':
		return value_map(options, value, failure);
	case 'c':
		return value_client(options, value, failure);
	case 'H':
		return value_handoff(options, value, failure);
	case 'k':
		return value_kill_after(options, value, failure);
	case 's':
		return value_stop_signal(options, value, failure);
	case 't':
		return value_start_timeout(options, value, failure);
	}
	return 0;
}

static const struct row {
	int	key;
	char	name[14], value[16];	/* "": it takes no value */
	char	meaning[63];
} rows[] = {
	{ 'l', "listen", "SPEC",
	    "a socket to listen on (default 0, any port); repeatable" },
	{ 'e', "env", "NAME[=TEMPLATE]",
	    "set NAME for service and client (default <port>); repeatable" },
	{ 'p', "port-file", "FILE",
	    "write the port to FILE before the service starts" },
	{ 'w', "write", "FILE=TEMPLATE",
	    "write TEMPLATE, or with @IN the file IN, to FILE; repeatable" },
	{ 'm', "map", "PORT[=SOCKET]",
	    "a bind or connect of PORT (or any) gets SOCKET; repeatable" },
	{ 'c', "client", "SCRIPT",
	    "run SCRIPT with sh -c against the service, then stop that" },
	{ 'H', "handoff", "MODE",
	    "how the service gets its socket: inherit, adopt or reserve" },
	{ 'k', "kill-after", "SECONDS",
	    "from the stop signal to KILL (default 5)" },
	{ 's', "stop-signal", "SIGNAL",
	    "the signal that stops the service (default TERM)" },
	{ 't', "start-timeout", "SECONDS",
	    "give up where clients wait so long in vain (-c: 900; 0: never)" },
	{ 'b', "background", "",
	    "print the port and the pid, and end, when COMMAND is executed" },
	{ INETD, "inetd", "",
	    "pass the socket as fds 0 and 1, without LISTEN_ variables" },
	{ ON_DEMAND, "on-demand", "",
	    "execute COMMAND at the first connection or datagram" },
	{ NO_PID, "no-pid", "",
	    "leave out LISTEN_PID and LISTEN_PIDFDID" },
	{ 'q', "quiet", "", "say nothing but errors" },
	{ 'v', "verbose", "",
	    "say everything that happens, and when" },
	{ CHECK_HERE, "check", "",
	    "say which handoffs work here, and what is in the way" },
	{ 'h', "help", "", "show this help" },
	{ 'V', "version", "", "show the version" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

void
options_print_help(FILE *output)
{
	size_t i;
	int width;

	fputs("usage: portexec [OPTION]... [--] COMMAND [ARG]...\n"
	    "Run COMMAND with a socket that is bound and listening on a port "
	    "of the\nkernel's choice, or keep that port free for it.\n\n",
	    output);
	for (i = 0; i < ROWS; i++)
		fprintf(output, rows[i].key < INETD ?
		    "  -%c, --%s%s%s\n          %s\n" :
		    "  %c   --%s%s%s\n          %s\n",
		    rows[i].key < INETD ? rows[i].key : ' ', rows[i].name,
		    rows[i].value[0] == '\0' ? "" : " ", rows[i].value,
		    rows[i].meaning);
	fputs("\nSPEC is [NAME=][TYPE:]ADDRESS[,OPTION[=VALUE]]..., or "
	    "[NAME=]fd:N for the\nsocket that is open at descriptor N.\n"
	    "  TYPE: tcp, udp, tcp+udp, unix, unixgram, unixpacket\n"
	    "  ADDRESS: PORT, HOST:PORT, [IPV6]:PORT, *:PORT, localhost:PORT; "
	    "a path or @NAME\n", output);
	for (i = 0; i < OPTION_COUNT; i++) {
		width = fprintf(output, "  %s%s%s", socket_options[i].name,
		    socket_options[i].value[0] == '\0' ? "" : "=",
		    socket_options[i].value);
		fprintf(output, "%*s%s\n", width < 16 ? 17 - width : 1, "",
		    socket_options[i].meaning);
	}
	fputs("\nIn ARGs, TEMPLATEs and SCRIPT, <port>, <host>, <addr> and "
	    "<fd>, or {port}\nand so on, stand for the first socket's, "
	    "<port:NAME> or <port:N> for another's.\n", output);
}

static bool
is_long(const char *word)
{
	return strncmp(word, "--", 2) == 0;
}

/* Explains why getopt_long(3) refused word; key is what it left in optopt. */
static int
invalid_option(const char *word, int key, struct failure *failure)
{
	size_t i, length = key == 0 ? strcspn(word + 2, "=") : 0;
	char candidates[256] = "", shown[256];
	const char *instead;

	for (i = 0; length > 0 && i < ROWS; i++)
		if (strncmp(rows[i].name, word + 2, length) == 0) {
			strlcat(candidates, " --", sizeof(candidates));
			strlcat(candidates, rows[i].name, sizeof(candidates));
		}
	if (candidates[0] != '\0')
		return fail(failure, 0, "option '%s' is ambiguous:%s", word,
		    candidates);
	if (key != 0 && is_long(word) && strchr(word, '=') != NULL)
		return fail(failure, 0, "option '%s' takes no value", word);
	if (key > ' ' && key <= '~')
		snprintf(shown, sizeof(shown), "-%c", key);
	else
		snprintf(shown, sizeof(shown), "%s", word);
	instead = foreign_option(key == 0 ? word + 2 : NULL, key);
	if (instead != NULL)
		return fail(failure, 0, "unknown option '%s': %s", shown,
		    instead);
	return fail(failure, 0, "unknown option '%s' (try 'portexec --help')",
	    shown);
}

/* Whoever wants a file of that name writes ./-- for it. */
static int
refuse_end(const char *word, int key, struct failure *failure)
{
	if (is_long(word))
		return fail(failure, 0, "option '%s' needs a value, not '--'",
		    word);
	return fail(failure, 0, "option '-%c' needs a value, not '--'", key);
}

static int
parse_option(struct options *options, int key, const char *word,
    struct failure *failure)
{
	size_t i;

	for (i = 0; i < ROWS; i++) {
		if (rows[i].key != key)
			continue;
		if (rows[i].value[0] == '\0') {
			set_flag(options, key);
			return 0;
		}
		if (strcmp(optarg, "--") == 0 && strchr(word, '=') == NULL)
			return refuse_end(word, key, failure);
		return set_value(options, key, optarg, failure);
	}
	if (key != ':')
		return invalid_option(word, optopt, failure);
	if (is_long(word))
		return fail(failure, 0, "option '%s' needs a value (try "
		    "'portexec --help')", word);
	return fail(failure, 0, "option '-%c' needs a value (try 'portexec "
	    "--help')", optopt);
}

int
options_parse(struct options *options, int argc, char *argv[],
    struct failure *failure)
{
	struct option longs[ROWS + 1] = { 0 };
	char shorts[2 * ROWS + 3] = "+:";
	const char *word;
	size_t i, length = 2;
	int key;

	memset(options, 0, sizeof(*options));
	options->verbosity = NORMAL;
	options->kill_after = 5000;
	options->stop_signal = SIGTERM;
	options->start_timeout = -1;
	for (i = 0; i < ROWS; i++) {
		longs[i].name = rows[i].name;
		longs[i].has_arg = rows[i].value[0] != '\0';
		longs[i].val = rows[i].key;
		if (rows[i].key >= INETD)
			continue;
		shorts[length++] = (char)rows[i].key;
		if (rows[i].value[0] != '\0')
			shorts[length++] = ':';
	}
	optind = 0;	/* restarts the scan: getopt(3), NOTES */
	opterr = 0;
	do {
		/* optind stays at a word such as -qv until its last option. */
		word = argv[optind == 0 ? 1 : optind];
		key = getopt_long(argc, argv, shorts, longs, NULL);
		if (key != -1 &&
		    parse_option(options, key, word, failure) == -1)
			return -1;
	} while (key != -1 && options->action == RUN);
	if (options->action == CHECK && argc > 2)
		return fail(failure, 0, "--check: goes alone");
	if (options->action != RUN)
		return 0;
	if (options->start_timeout == -1)
		options->start_timeout = options->client == NULL ? 0 :
		    900 * 1000;
	options->command = argv + optind;
	if (options->command[0] == NULL)
		return fail(failure, 0, "no command (try 'portexec --help')");
	return 0;
}

static void
free_assignments(struct assignments *assignments)
{
	size_t i;

	for (i = 0; i < assignments->count; i++)
		free(assignments->list[i].name);
	free(assignments->list);
}

const char *
options_variable(const struct options *options, const char *name)
{
	const struct assignments *settings = &options->settings;
	const char *value = getenv(name);
	size_t i;

	for (i = 0; i < settings->count; i++)
		if (strcmp(settings->list[i].name, name) == 0)
			value = settings->list[i].template;
	return value;
}

void
options_free(struct options *options)
{
	free(options->specs);
	free_assignments(&options->settings);
	free_assignments(&options->files);
	free(options->maps.list);
}
