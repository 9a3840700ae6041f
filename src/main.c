/*
 * portexec: run a service on a port that the kernel picks.
 *
 * The sockets are bound, and listen, before the service is executed in
 * this same process; so nobody can take the port in between, and a client
 * can connect at once.
 *
 * argv -> options -> endpoints -> listeners -> templates -> handoff
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "handoff.h"
#include "listener.h"
#include "message.h"
#include "options.h"
#include "report.h"
#include "template.h"

/* Everything between the command line and the service. */
struct launch {
	const struct options	*options;
	struct console		 console;
	struct identity		 self;
	struct listeners	 listeners;
	struct reports		 reports;
	struct environment	 environment;
	char			**command;	/* expanded; owned */
};

static int
show(void (*print)(FILE *), struct failure *failure)
{
	print(stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_SUCCESS;
	fail(failure, errno, "write standard output");
	return STATUS_FAILED;
}

static void
print_version(FILE *output)
{
	fputs("portexec " VERSION "\n", output);
}

static int
inherit_sockets(struct launch *launch, struct failure *failure)
{
	size_t count;
	char **names;
	int status;

	if (environment_inherited(environ, &launch->self, &count, &names,
	    failure) == -1)
		return -1;
	if (count > 0 && launch->options->handoff == RESERVE)
		status = fail(failure, 0, "inherited sockets cannot be "
		    "reserved");
	else
		status = listeners_inherit(&launch->listeners, count, names,
		    failure);
	free(names);
	return status;
}

static int
open_sockets(struct launch *launch, struct failure *failure)
{
	struct endpoint standard[ENDPOINT_MEMBERS_MAX];

	if (launch->options->endpoint_count > 0)
		return listeners_bind(&launch->listeners,
		    launch->options->endpoints,
		    launch->options->endpoint_count, failure);
	if (launch->listeners.count > 0)
		return 0;
	if (endpoint_parse("127.0.0.1:0", standard, failure) == -1)
		return -1;
	return listeners_bind(&launch->listeners, standard, 1, failure);
}

static int
expand_command(struct launch *launch, struct failure *failure)
{
	char *const *given = launch->options->command;
	size_t i, count = 1;	/* options_parse() promises one */

	while (given[count] != NULL)
		count++;
	launch->command = calloc(count + 1, sizeof(*launch->command));
	if (launch->command == NULL ||
	    (launch->command[0] = strdup(given[0])) == NULL)
		return fail(failure, 0, "out of memory");
	for (i = 1; i < count; i++)
		if (template_expand(given[i], strlen(given[i]),
		    &launch->listeners, launch->options->handoff != RESERVE,
		    &launch->command[i], NULL, failure) == -1)
			return -1;
	return 0;
}

static void
announce(const struct launch *launch)
{
	const struct listener *listener;
	size_t i;

	for (i = 0; i < launch->listeners.count; i++) {
		listener = &launch->listeners.list[i];
		if (launch->options->handoff != RESERVE)
			say(&launch->console, "%s %s%s, fd %zu",
			    listener->inherited ? "inherited" : "listening on",
			    listener->addr[0] == '\0' ? "a nameless socket" :
			    listener->addr, listener->type == SOCK_DGRAM ?
			    " (datagrams)" : "", FIRST_FD + i);
		else if (listener->reserve != -1)
			say(&launch->console, "%u reserved for %s",
			    listener->port, launch->command[0]);
	}
}

static int
hand_over(struct launch *launch, struct failure *failure)
{
	if (launch->options->handoff == RESERVE)
		return handoff_reserves(&launch->listeners, failure);
	return handoff_sockets(&launch->listeners, &launch->console, failure);
}

/* Opens and writes everything that the service will find. */
static int
prepare(struct launch *launch, struct failure *failure)
{
	const struct options *options = launch->options;

	if (inherit_sockets(launch, failure) == -1 ||
	    reports_prepare(&launch->reports, options, failure) == -1 ||
	    open_sockets(launch, failure) == -1 ||
	    expand_command(launch, failure) == -1 ||
	    environment_make(&launch->environment, environ,
	    &launch->listeners, options, &launch->self, failure) == -1 ||
	    reports_expand(&launch->reports, &launch->listeners,
	    options->handoff != RESERVE, failure) == -1)
		return -1;
	if (options->handoff != RESERVE &&
	    listeners_listen(&launch->listeners, failure) == -1)
		return -1;
	announce(launch);
	if (reports_write(&launch->reports, failure) == -1)
		return -1;
	return hand_over(launch, failure);
}

static void
discard(struct launch *launch)
{
	size_t i;

	reports_discard(&launch->reports);
	listeners_discard(&launch->listeners);
	environment_free(&launch->environment);
	for (i = 0; launch->command != NULL && launch->command[i] != NULL; i++)
		free(launch->command[i]);
	free(launch->command);
}

/* Becomes the service; returns only with a failure. */
static int
run(const struct options *options, const struct timespec *start,
    const struct sigaction *sigpipe, struct failure *failure)
{
	struct launch launch = {
		.options = options,
		.console = { options->verbosity, *start },
		.self = environment_identify(),
	};
	int status = STATUS_FAILED;

	if (prepare(&launch, failure) == 0) {
		say_detail(&launch.console, "executing %s", launch.command[0]);
		sigaction(SIGPIPE, sigpipe, NULL);
		status = handoff_exec(launch.command, &launch.environment,
		    failure);
		signal(SIGPIPE, SIG_IGN);
	}
	discard(&launch);
	return status;
}

int
main(int argc, char *argv[])
{
	struct sigaction sigpipe, ignore = { .sa_handler = SIG_IGN };
	struct options options;
	struct failure failure;
	struct timespec start;
	int status = STATUS_FAILED;

	setprogname("portexec");
	clock_gettime(CLOCK_MONOTONIC, &start);
	/* A reader that went is EPIPE, until the service is executed. */
	sigaction(SIGPIPE, &ignore, &sigpipe);
	if (options_parse(&options, argc, argv, &failure) == 0)
		switch (options.action) {
		case SHOW_HELP:
			status = show(options_print_help, &failure);
			break;
		case SHOW_VERSION:
			status = show(print_version, &failure);
			break;
		case RUN:
			status = run(&options, &start, &sigpipe, &failure);
			break;
		}
	if (status != EXIT_SUCCESS)
		say_failure(&failure);
	options_free(&options);
	return status;
}
