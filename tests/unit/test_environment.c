/* SPDX-License-Identifier: ISC */
/* The LISTEN_* protocol: what is taken from an environ, what is made. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handoff/environment.h"
#include "unit.h"

enum { VARIABLES_MAX = 16 };

/* An environ from a row of a table: its variables, with '|' between. */
struct variables {
	char	*text;
	char	*list[VARIABLES_MAX + 1];
};

static void
variables_split(struct variables *variables, const char *words)
{
	char *rest = variables->text = strdup(words);
	int count = 0;

	ck_assert_ptr_nonnull(rest);
	while (rest != NULL && *rest != '\0') {
		ck_assert_int_lt(count, VARIABLES_MAX);
		variables->list[count++] = strsep(&rest, "|");
	}
	variables->list[count] = NULL;
}

/* In: the process has pid 42 and, where it has one, pidfd 7. */
static const struct {
	const char	*variables;
	uint64_t	 pidfd_id;
	const char	*names;		/* NULL: nothing is passed */
} inherited[] = {
	{ "", 7, NULL },
	{ "A=b", 7, NULL },
	{ "LISTEN_FDS=1", 7, NULL },
	{ "LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42", 7, "unknown" },
	{ "LISTEN_PID=42|A=b|LISTEN_FDS=3", 7, "unknown unknown unknown" },

	/* Whose they are. */
	{ "LISTEN_FDS=1|LISTEN_PID=43", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=4", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=420", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=0", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=-42", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=+42", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID= 42", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42 ", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42x", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=0x2a", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=4294967338", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=18446744073709551658", 7, NULL },
	{ "LISTEN_FDS=1|XLISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PIDX=42", 7, NULL },
	{ "LISTEN_FDS=1|listen_pid=42", 7, NULL },

	/* Its own pidfd, another's, none, and where there are no pidfds. */
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=7", 7, "unknown" },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=8", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=70", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=0", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=x", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID= 7", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=7", 0, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=43|LISTEN_PIDFDID=7", 7, NULL },
	{ "LISTEN_FDS=1|LISTEN_PID=42", 0, "unknown" },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=18446744073709551615",
	    UINT64_MAX, "unknown" },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_PIDFDID=18446744073709551616",
	    UINT64_MAX, NULL },

	/* How many. */
	{ "LISTEN_FDS=0|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=-1|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=+1|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS= 1|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=1 |LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=one|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=2147483648|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=4294967297|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=18446744073709551615|LISTEN_PID=42", 7, NULL },
	{ "LISTEN_FDS=18446744073709551617|LISTEN_PID=42", 7, NULL },

	/* Names. */
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_FDNAMES=a", 7, "a" },
	{ "LISTEN_FDNAMES=a:b:c|LISTEN_FDS=3|LISTEN_PID=42", 7, "a b c" },
	{ "LISTEN_FDS=2|LISTEN_PID=42|LISTEN_FDNAMES=a", 7,
	    "unknown unknown" },
	{ "LISTEN_FDS=2|LISTEN_PID=42|LISTEN_FDNAMES=a:b:c", 7,
	    "unknown unknown" },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_FDNAMES=a:b", 7, "unknown" },
	{ "LISTEN_FDS=1|LISTEN_PID=42|LISTEN_FDNAMES=", 7, "unknown" },
	{ "LISTEN_FDS=3|LISTEN_PID=42|LISTEN_FDNAMES=a::c", 7,
	    "a unknown c" },
	{ "LISTEN_FDS=2|LISTEN_PID=42|LISTEN_FDNAMES=:", 7,
	    "unknown unknown" },
	{ "LISTEN_FDS=2|LISTEN_PID=42|LISTEN_FDNAMES=a=1:a=2", 7, "a=1 a=2" },
	{ "LISTEN_PID=43|LISTEN_FDS=1|LISTEN_FDNAMES=a", 7, NULL },
};

START_TEST(takes_what_is_its_own)
{
	const struct identity self = { 42, inherited[_i].pidfd_id };
	struct failure failure = { "" };
	struct variables variables;
	char **names = NULL, text[256] = "";
	size_t i, count = 99, length = 0;

	variables_split(&variables, inherited[_i].variables);
	ck_assert_int_eq(listen_fds_inherited(variables.list, &self, &count,
	    &names, &failure), 0);
	for (i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) -
		    length, "%s%s", i > 0 ? " " : "", names[i]);
	free(names);
	free(variables.text);
	ck_assert_int_eq(count > 0, inherited[_i].names != NULL);
	ck_assert_str_eq(text, inherited[_i].names == NULL ? "" :
	    inherited[_i].names);
}
END_TEST

static struct listener sockets[] = {
	{ .name = "web", .port = 8080, .host = "127.0.0.1",
	    .addr = "127.0.0.1:8080" },
	{ .name = "ctl", .addr = "/run/ctl" },
	{ .name = "unknown", .port = 65535, .host = "::1",
	    .addr = "[::1]:65535" },
};

/* As sockets has them, from its first or, with a unix socket, its second. */
static const struct listeners one = { sockets, 1 };
static const struct listeners all = { sockets, 3 };
static const struct listeners local = { sockets + 1, 1 };
static const struct listeners local_first = { sockets + 1, 2 };

#define ONE	"LISTEN_PORT=8080|LISTEN_PORTS=8080|LISTEN_FDS=1|" \
		"LISTEN_FDNAMES=web|LISTEN_PID=42|LISTEN_PIDFDID=7"
#define RESERVED	"LISTEN_PORT=8080|LISTEN_PORTS=8080"

#define WITH	AUDIENCE_WITH_FDS
#define WITHOUT	AUDIENCE_WITHOUT_FDS
#define INETD	AUDIENCE_INETD

static const struct {
	const char		*variables;
	const struct listeners	*listeners;
	const char		*settings;	/* NAME=TEMPLATE, '|' between */
	enum audience		 audience;
	bool			 no_pid, no_pidfd;
	const char		*result;
} made[] = {
	{ "", &one, "", WITH, false, false, ONE },
	{ "A=b|C=", &one, "", WITH, false, false, "A=b|C=|" ONE },
	{ "A=b", &all, "", WITH, false, false,
	    "A=b|LISTEN_PORT=8080|LISTEN_PORTS=8080::65535|LISTEN_FDS=3|"
	    "LISTEN_FDNAMES=web:ctl:unknown|LISTEN_PID=42|LISTEN_PIDFDID=7" },
	{ "A=b", &local, "", WITH, false, false,
	    "A=b|LISTEN_PORTS=|LISTEN_FDS=1|LISTEN_FDNAMES=ctl|LISTEN_PID=42|"
	    "LISTEN_PIDFDID=7" },
	{ "A=b", &local_first, "", WITH, false, false,
	    "A=b|LISTEN_PORTS=:65535|LISTEN_FDS=2|LISTEN_FDNAMES=ctl:unknown|"
	    "LISTEN_PID=42|LISTEN_PIDFDID=7" },

	/* Less where it is asked for, or where there is no pidfd. */
	{ "A=b", &one, "", WITH, false, true,
	    "A=b|LISTEN_PORT=8080|LISTEN_PORTS=8080|LISTEN_FDS=1|"
	    "LISTEN_FDNAMES=web|LISTEN_PID=42" },
	{ "A=b", &one, "", WITH, true, false,
	    "A=b|LISTEN_PORT=8080|LISTEN_PORTS=8080|LISTEN_FDS=1|"
	    "LISTEN_FDNAMES=web" },
	{ "A=b", &one, "", WITHOUT, false, false, "A=b|" RESERVED },
	{ "A=b", &one, "", WITHOUT, true, false, "A=b|" RESERVED },
	{ "", &one, "", WITHOUT, false, false, RESERVED },

	/* Nothing under inetd, but what -e says. */
	{ "A=b|LISTEN_PORT=9|LISTEN_FDS=1", &one, "", INETD, false, false,
	    "A=b" },
	{ "A=b", &one, "FD=<fd>|LISTEN_PORT=<port>", INETD, false, false,
	    "A=b|FD=0|LISTEN_PORT=8080" },

	/* Stale ones, each, all, and twice; similar names stay. */
	{ "LISTEN_FDS=9|A=b", &one, "", WITHOUT, false, false,
	    "A=b|" RESERVED },
	{ "LISTEN_PID=9|A=b", &one, "", WITHOUT, false, false,
	    "A=b|" RESERVED },
	{ "LISTEN_PIDFDID=9|A=b", &one, "", WITH, false, true,
	    "A=b|LISTEN_PORT=8080|LISTEN_PORTS=8080|LISTEN_FDS=1|"
	    "LISTEN_FDNAMES=web|LISTEN_PID=42" },
	{ "LISTEN_FDNAMES=x:y|A=b", &one, "", WITHOUT, false, false,
	    "A=b|" RESERVED },
	{ "A=b|LISTEN_FDS_FIRST_FD=9", &one, "", WITH, false, false,
	    "A=b|" ONE },
	{ "A=b|LISTEN_PORT=9|LISTEN_PORTS=9", &local, "", WITHOUT, false,
	    false, "A=b|LISTEN_PORTS=" },
	{ "LISTEN_FDS=9|LISTEN_PID=9|LISTEN_PIDFDID=9|LISTEN_FDNAMES=|"
	    "LISTEN_FDS_FIRST_FD=|LISTEN_PORT=|LISTEN_PORTS=", &one, "",
	    WITH, false, false, ONE },
	{ "LISTEN_FDS=1|A=b|LISTEN_FDS=2|LISTEN_FDS=3", &one, "", WITHOUT,
	    false, false, "A=b|" RESERVED },
	{ "LISTEN_FD=1|XLISTEN_FDS=2|listen_fds=3|LISTEN_FDSX=4|LISTEN_FDS",
	    &one, "", WITHOUT, false, false,
	    "LISTEN_FD=1|XLISTEN_FDS=2|listen_fds=3|LISTEN_FDSX=4|LISTEN_FDS|"
	    RESERVED },

	/* What is not ours stays as it is, however odd. */
	{ "A=1|A=2|noequals|=x|B=a=b", &one, "", WITHOUT, false, false,
	    "A=1|A=2|noequals|=x|B=a=b|" RESERVED },
	{ "A=<port>", &one, "", WITHOUT, false, false,
	    "A=<port>|" RESERVED },

	/* -e: last, in order, the last of one name, over all that was. */
	{ "A=b", &one, "PORT=<port>", WITHOUT, false, false,
	    "A=b|" RESERVED "|PORT=8080" },
	{ "PORT=1|A=b", &one, "PORT=<port>", WITHOUT, false, false,
	    "A=b|" RESERVED "|PORT=8080" },
	{ "A=1|B=2|A=3", &one, "A=4", WITHOUT, false, false,
	    "B=2|" RESERVED "|A=4" },
	{ "", &one, "B=1|A=2|B=<addr>", WITHOUT, false, false,
	    RESERVED "|A=2|B=127.0.0.1:8080" },
	{ "", &one, "A=", WITHOUT, false, false, RESERVED "|A=" },
	{ "", &one, "A=a=b", WITHOUT, false, false, RESERVED "|A=a=b" },
	{ "AB=1", &one, "A=2", WITHOUT, false, false,
	    "AB=1|" RESERVED "|A=2" },
	{ "", &one, "NGINX=<fd>;", WITH, false, false, ONE "|NGINX=3;" },
	{ "", &local_first, "S=<addr>=<fd>;<addr:1>=<fd:1>", WITH, false,
	    false, "LISTEN_PORTS=:65535|LISTEN_FDS=2|"
	    "LISTEN_FDNAMES=ctl:unknown|LISTEN_PID=42|LISTEN_PIDFDID=7|"
	    "S=/run/ctl=3;[::1]:65535=4" },
	{ "", &one, "LISTEN_PORT=x<port>", WITHOUT, false, false,
	    "LISTEN_PORTS=8080|LISTEN_PORT=x8080" },
	{ "LISTEN_PORTS=1", &one, "LISTEN_PORTS=2", WITHOUT, false, false,
	    "LISTEN_PORT=8080|LISTEN_PORTS=2" },
	{ "", &one, "LISTEN_FDS_FIRST_FD=3", WITHOUT, false, false,
	    RESERVED "|LISTEN_FDS_FIRST_FD=3" },

	/* -e that cannot be. */
	{ "A=b", &one, "A=<port:nobody>", WITH, false, false, NULL },
	{ "A=b", &local, "PORT=<port>", WITH, false, false, NULL },
	{ "A=b", &one, "A=1|FD=<fd>", WITHOUT, false, false, NULL },
};

/* Stores each "NAME=TEMPLATE" as -e has it. */
static void
settings_split(struct options *options, struct assignment *list,
    const struct variables *settings)
{
	char *text;
	size_t i;

	for (i = 0; settings->list[i] != NULL; i++) {
		text = settings->list[i];
		list[i].name = strsep(&text, "=");
		list[i].template = text;
	}
	options->settings.list = list;
	options->settings.count = i;
}

static void
join(char *text, size_t size, char *const list[])
{
	size_t i;

	*text = '\0';
	for (i = 0; list[i] != NULL; i++) {
		strlcat(text, i > 0 ? "|" : "", size);
		ck_assert_uint_lt(strlcat(text, list[i], size), size);
	}
}

START_TEST(makes)
{
	const struct identity self = { 42, made[_i].no_pidfd ? 0 : 7 };
	struct options options = { .no_pid = made[_i].no_pid };
	struct assignment list[VARIABLES_MAX];
	struct environment environment;
	struct failure failure = { "" };
	struct variables variables, settings;
	char text[1024];
	int status;

	variables_split(&variables, made[_i].variables);
	variables_split(&settings, made[_i].settings);
	settings_split(&options, list, &settings);
	status = environment_make(&environment, variables.list,
	    made[_i].listeners, &options, made[_i].audience, false, &failure);
	if (status == 0)
		environment_identify(&environment, &self);
	if (made[_i].result == NULL) {
		ck_assert_int_eq(status, -1);
		ck_assert_str_ne(failure.text, "");
	} else {
		ck_assert_msg(status == 0, "%s", failure.text);
		join(text, sizeof(text), environment.list);
		ck_assert_str_eq(text, made[_i].result);
	}
	environment_free(&environment);
	free(settings.text);
	free(variables.text);
}
END_TEST

static const struct {
	struct identity	 self;
	const char	*pid, *pidfd_id;	/* pidfd_id NULL: left out */
} identities[] = {
	{ { 1, 0 }, "LISTEN_PID=1", NULL },
	{ { 9, 9 }, "LISTEN_PID=9", "LISTEN_PIDFDID=9" },
	{ { 10, 10 }, "LISTEN_PID=10", "LISTEN_PIDFDID=10" },
	{ { 4194304, 100 }, "LISTEN_PID=4194304", "LISTEN_PIDFDID=100" },
	{ { INT_MAX, UINT64_MAX }, "LISTEN_PID=2147483647",
	    "LISTEN_PIDFDID=18446744073709551615" },
};

START_TEST(identifies_the_service)
{
	const struct options options = { .no_pid = false };
	struct environment environment;
	struct failure failure = { "" };
	char *variables[] = { NULL };
	size_t count;

	ck_assert_int_eq(environment_make(&environment, variables, &one,
	    &options, WITH, false, &failure), 0);
	environment_identify(&environment, &identities[_i].self);
	count = environment.count;
	if (identities[_i].pidfd_id != NULL)
		ck_assert_str_eq(environment.list[--count],
		    identities[_i].pidfd_id);
	ck_assert_str_eq(environment.list[count - 1], identities[_i].pid);
	ck_assert_ptr_null(environment.list[environment.count]);
	environment_free(&environment);
}
END_TEST

/* What one portexec makes, the next one takes. */
START_TEST(takes_what_it_made)
{
	const struct identity self = { 42, _i == 0 ? 0 : 7 };
	const struct options options = { .no_pid = false };
	struct environment environment;
	struct failure failure = { "" };
	char variable[] = "A=b", *variables[] = { variable, NULL }, **names;
	size_t count;

	ck_assert_int_eq(environment_make(&environment, variables, &all,
	    &options, WITH, false, &failure), 0);
	environment_identify(&environment, &self);
	ck_assert_int_eq(listen_fds_inherited(environment.list, &self, &count,
	    &names, &failure), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(names[0], "web");
	ck_assert_str_eq(names[1], "ctl");
	ck_assert_str_eq(names[2], "unknown");
	free(names);
	environment_free(&environment);
}
END_TEST

/* The ports, whatever the service has, and what -e sets. */
START_TEST(tells_a_client_the_ports)
{
	static const enum audience readers[] = { WITH, WITHOUT, INETD };
	struct options options = { .no_pid = false };
	struct assignment list[VARIABLES_MAX];
	struct environment environment;
	struct failure failure = { "" };
	struct variables variables, settings;
	char text[1024];

	variables_split(&variables, "LISTEN_FDS=1|LISTEN_PID=42|A=b");
	variables_split(&settings, "URL=http://<addr>/");
	settings_split(&options, list, &settings);
	ck_assert_int_eq(environment_make(&environment, variables.list, &one,
	    &options, readers[_i], true, &failure), 0);
	join(text, sizeof(text), environment.list);
	ck_assert_str_eq(text, "A=b|" RESERVED "|URL=http://127.0.0.1:8080/");
	environment_free(&environment);
	free(settings.text);
	free(variables.text);
}
END_TEST

START_TEST(identifies_this_process)
{
	struct identity first = listen_fds_identify();
	struct identity second = listen_fds_identify();

	ck_assert_int_eq(first.pid, getpid());
	ck_assert_int_eq(second.pid, getpid());
	ck_assert(first.pidfd_id == second.pidfd_id);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "inherited", takes_what_is_its_own, LENGTH(inherited) },
		{ "made", makes, LENGTH(made) },
		{ "identified", identifies_the_service, LENGTH(identities) },
		{ "client", tells_a_client_the_ports, 3 },
		{ "chain", takes_what_it_made, 2 },
		{ "identity", identifies_this_process, 1 },
	};

	return run_units("environment", units, LENGTH(units));
}
