/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "socket/listen_fds.h"

enum {
	INETD = 256,	/* long options only: above every character */
	ON_DEMAND,
	NO_PID
};

static const struct {
	const char	*name;
	enum handoff	 handoff;
} handoffs[] = {
	{ "inherit", INHERIT },
	{ "adopt", ADOPT },
	{ "reserve", RESERVE },
};

int
options_add_socket(struct options *options, const char *spec,
    struct failure *failure)
{
	struct spec members[SPEC_MEMBERS_MAX], *list;
	int count;

	count = spec_parse(spec, members, failure);
	if (count == -1)
		return -1;
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

static int
add_setting(struct options *options, const char *text, struct failure *failure)
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

static int
add_file(struct options *options, const char *text, struct failure *failure)
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

static int
add_port_file(struct options *options, const char *file,
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

static int
add_map(struct options *options, const char *text, struct failure *failure)
{
	size_t digits = strspn(text, "0123456789");
	struct map *list;
	unsigned long port = digits > 5 ? 0 : strtoul(text, NULL, 10);

	if (digits == 0 || port == 0 || port > 65535 ||
	    (text[digits] != '\0' && text[digits] != '=') ||
	    strcmp(text + digits, "=") == 0)
		return fail(failure, 0, "-m '%s': not PORT[=SOCKET], PORT "
		    "being a number from 1 to 65535", text);
	list = reallocarray(options->maps.list, options->maps.count + 1,
	    sizeof(*list));
	if (list == NULL)
		return fail(failure, 0, "out of memory");
	options->maps.list = list;
	list[options->maps.count++] = (struct map){ (unsigned)port,
	    text[digits] == '=' ? text + digits + 1 : NULL, 0 };
	return 0;
}

static int
set_kill_after(struct options *options, const char *text,
    struct failure *failure)
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
	if (*at != '\0' || strpbrk(text, "0123456789") == NULL || time > DAY)
		return fail(failure, 0, "-k '%s': not a number of seconds, "
		    "a day at most", text);
	options->kill_after = time;
	return 0;
}

static int
set_handoff(struct options *options, const char *text, struct failure *failure)
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

static int
set_client(struct options *options, const char *script,
    struct failure *failure)
{
	if (options->client != NULL)
		return fail(failure, 0, "-c '%s': given twice", script);
	if (*script == '\0')
		return fail(failure, 0, "-c '': no script");
	options->client = script;
	return 0;
}

static int
set_inetd(struct options *options, const char *value, struct failure *failure)
{
	(void)value;
	(void)failure;
	options->inetd = true;
	return 0;
}

static int
set_on_demand(struct options *options, const char *value,
    struct failure *failure)
{
	(void)value;
	(void)failure;
	options->on_demand = true;
	return 0;
}

static int
set_no_pid(struct options *options, const char *value, struct failure *failure)
{
	(void)value;
	(void)failure;
	options->no_pid = true;
	return 0;
}

static int
set_quiet(struct options *options, const char *value, struct failure *failure)
{
	(void)value;
	(void)failure;
	options->verbosity = QUIET;
	return 0;
}

static int
set_verbose(struct options *options, const char *value, struct failure *failure)
{
	(void)value;
	(void)failure;
	options->verbosity = VERBOSE;
	return 0;
}

static int
set_help(struct options *options, const char *value, struct failure *failure)
{
	(void)value;
	(void)failure;
	options->action = SHOW_HELP;
	return 0;
}

static int
set_version(struct options *options, const char *value, struct failure *failure)
{
	(void)value;
	(void)failure;
	options->action = SHOW_VERSION;
	return 0;
}

static const struct row {
	int		 key;
	int		 (*apply)(struct options *options, const char *value,
			    struct failure *failure);
	const char	*name, *value, *meaning;
} rows[] = {
	{ 'l', options_add_socket, "listen", "SPEC",
	    "a socket to listen on (default 0, any port); repeatable" },
	{ 'e', add_setting, "env", "NAME[=TEMPLATE]",
	    "set NAME for service and client (default <port>); repeatable" },
	{ 'p', add_port_file, "port-file", "FILE",
	    "write the port to FILE before the service starts" },
	{ 'w', add_file, "write", "FILE=TEMPLATE",
	    "write TEMPLATE, or with @IN the file IN, to FILE; repeatable" },
	{ 'm', add_map, "map", "PORT[=SOCKET]",
	    "hand SOCKET (default the first) to whoever binds PORT; "
	    "repeatable" },
	{ 'c', set_client, "client", "SCRIPT",
	    "run SCRIPT with sh -c against the service, then stop that" },
	{ 'H', set_handoff, "handoff", "MODE",
	    "how the service gets its socket: inherit, adopt or reserve" },
	{ 'k', set_kill_after, "kill-after", "SECONDS",
	    "from TERM to KILL, where something is stopped (default 5)" },
	{ INETD, set_inetd, "inetd", NULL,
	    "pass the socket as fds 0 and 1, without LISTEN_ variables" },
	{ ON_DEMAND, set_on_demand, "on-demand", NULL,
	    "execute COMMAND at the first connection or datagram" },
	{ NO_PID, set_no_pid, "no-pid", NULL,
	    "leave out LISTEN_PID and LISTEN_PIDFDID" },
	{ 'q', set_quiet, "quiet", NULL, "say nothing but errors" },
	{ 'v', set_verbose, "verbose", NULL,
	    "say everything that happens, and when" },
	{ 'h', set_help, "help", NULL, "show this help" },
	{ 'V', set_version, "version", NULL, "show the version" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

void
options_print_help(FILE *output)
{
	char left[64];
	size_t i;

	fputs("usage: portexec [OPTION]... [--] COMMAND [ARG]...\n"
	    "Run COMMAND with a socket that is bound and listening on a port "
	    "of the\nkernel's choice, or keep that port free for it.\n\n",
	    output);
	for (i = 0; i < ROWS; i++) {
		snprintf(left, sizeof(left), rows[i].key < INETD ?
		    "-%c, --%s%s%s" : "%c   --%s%s%s",
		    rows[i].key < INETD ? rows[i].key : ' ', rows[i].name,
		    rows[i].value == NULL ? "" : " ",
		    rows[i].value == NULL ? "" : rows[i].value);
		fprintf(output, "  %s\n          %s\n", left,
		    rows[i].meaning);
	}
	fputs("\nSPEC is [NAME=][TYPE:]ADDRESS[,OPTION[=VALUE]]..., or "
	    "[NAME=]fd:N for the\nsocket that is open at descriptor N.\n"
	    "  TYPE: tcp, udp, tcp+udp, unix, unixgram, unixpacket\n"
	    "  ADDRESS: PORT, HOST:PORT, [IPV6]:PORT, *:PORT, localhost:PORT; "
	    "a path or @NAME\n", output);
	for (i = 0; i < OPTION_COUNT; i++) {
		snprintf(left, sizeof(left), "%s%s%s", socket_options[i].name,
		    socket_options[i].value == NULL ? "" : "=",
		    socket_options[i].value == NULL ? "" :
		    socket_options[i].value);
		fprintf(output, "  %-14s %s\n", left,
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
	char candidates[256] = "";

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
		return fail(failure, 0, "unknown option '-%c' (try 'portexec "
		    "--help')", key);
	return fail(failure, 0, "unknown option '%s' (try 'portexec --help')",
	    word);
}

static int
parse_option(struct options *options, int key, const char *word,
    struct failure *failure)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (rows[i].key == key)
			return rows[i].apply(options, optarg, failure);
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
	for (i = 0; i < ROWS; i++) {
		longs[i].name = rows[i].name;
		longs[i].has_arg = rows[i].value != NULL;
		longs[i].val = rows[i].key;
		if (rows[i].key >= INETD)
			continue;
		shorts[length++] = (char)rows[i].key;
		if (rows[i].value != NULL)
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
	if (options->action != RUN)
		return 0;
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

void
options_free(struct options *options)
{
	free(options->specs);
	free_assignments(&options->settings);
	free_assignments(&options->files);
	free(options->maps.list);
}
