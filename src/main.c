/* SPDX-License-Identifier: ISC */
/*
 * portexec: run a service on a port that the kernel picks.
 *
 * portexec binds its sockets first and hands them to the service, so that no
 * other process can take the port in between.  There are three handoffs:
 *
 * inherit	The sockets listen, and this process becomes the service.
 * adopt	The sockets listen, and portexec stays.  When the service
 *		calls bind(2), it is given the listening socket.
 * reserve	This process becomes the service, which binds the port itself.
 *		Nothing listens, but the kernel gives the port to nobody else.
 *
 * With -c or -s portexec stays under every handoff.
 *
 * argv -> options -> specs -> listeners -> templates -> handoff
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "cli/values.h"
#include "handoff/exec.h"
#include "hints.h"
#include "plan.h"
#include "socket/bind.h"
#include "supervise/background.h"
#include "supervise/front.h"
#include "trial.h"

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
inherit_passed(struct launch *launch, struct failure *failure)
{
	struct identity self;
	size_t count;
	char **names;
	int status;

	if (getenv("LISTEN_PID") == NULL)
		return 0;
	self = listen_fds_identify();
	launch->addressee = listen_fds_addressee(environ, &self);
	if (listen_fds_inherited(environ, &self, &count, &names,
	    failure) == -1)
		return -1;
	status = listeners_inherit(&launch->listeners, count, names, failure);
	free(names);
	return status;
}

static int
inherit_sockets(struct launch *launch, struct failure *failure)
{
	if (inherit_passed(launch, failure) == -1)
		return -1;
	return listeners_claim(&launch->listeners, launch->options->specs,
	    &launch->options->spec_count, failure);
}

/* Whether -l names the descriptor by fd:N. */
static bool
is_named(const struct options *options, size_t fd)
{
	size_t i;

	for (i = 0; i < options->spec_count; i++)
		if (options->specs[i].fd == (int)fd)
			return true;
	return false;
}

/*
 * Whether the caller has a descriptor open, and no socket of ours, that a new
 * socket would replace.
 */
static bool
is_occupied(const struct launch *launch)
{
	size_t fd = FIRST_FD + launch->listeners.count;
	size_t end = fd + launch->options->spec_count;

	if (end == FIRST_FD)	/* the default: open_sockets() */
		end += launch->options->maps.count > 0 ? 2 : 1;
	for (; fd < end; fd++)
		if (fcntl((int)fd, F_GETFD) != -1 &&
		    !is_named(launch->options, fd))
			return true;
	return false;
}

static int
make_plan(struct launch *launch, struct failure *failure)
{
	const struct options *options = launch->options;

	launch->handoff = plan_handoff(options,
	    plan_placeholders(options, launch->files));
	launch->audience = plan_audience(options, launch->handoff,
	    launch->handoff == ADOPT && is_occupied(launch));
	launch->input = plan_input(options);
	return plan_check(options, launch->handoff, launch->listeners.count,
	    failure);
}

/* Whether something is made that is to be removed where nothing is executed. */
static bool
leaves_paths(const struct options *options)
{
	size_t i;

	for (i = 0; i < options->spec_count; i++)
		if (options->specs[i].address.any.sa_family == AF_UNIX)
			return true;
	return options->files.count > 0;
}

static int
open_sockets(struct launch *launch, struct failure *failure)
{
	struct options *options = launch->options;

	if (options->background || leaves_paths(options))
		signals_hold(&launch->signals);
	if (options->spec_count == 0 && launch->listeners.count == 0 &&
	    value_listen(options, options->maps.count > 0 ? "localhost:0" :
	    "0", failure) == -1)
		return -1;
	return listeners_bind(&launch->listeners, options->specs,
	    options->spec_count, failure);
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
		    &launch->listeners, launch->audience, &launch->command[i],
		    NULL, failure) == -1)
			return -1;
	if (launch->options->client == NULL)
		return 0;
	return template_expand(launch->options->client,
	    strlen(launch->options->client), &launch->listeners, AUDIENCE_SHELL,
	    &launch->script, NULL, failure);
}

/* Binds the sockets and expands the templates.  Publishes nothing yet. */
static int
prepare(struct launch *launch, struct failure *failure)
{
	if ((launch->options->background && background_check(failure) == -1) ||
	    inherit_sockets(launch, failure) == -1 ||
	    port_files_prepare(launch->files, launch->options, failure) == -1 ||
	    make_plan(launch, failure) == -1 ||
	    open_sockets(launch, failure) == -1 ||
	    plan_maps(&launch->options->maps, &launch->listeners,
	    failure) == -1 ||
	    expand_command(launch, failure) == -1 ||
	    exec_prepare(launch, false, failure) == -1)
		return -1;
	return port_files_expand(launch->files, &launch->listeners,
	    launch->audience, failure);
}

/*
 * If portexec has to stay, starts the keeper, which makes the service and the
 * client.  If adopt is impossible, falls back to reserve with the same ports.
 */
static int
settle_handoff(struct launch *launch, struct front *front,
    struct failure *failure)
{
	struct failure reason, another;

	if (!plan_is_supervised(launch) ||
	    front_start(front, launch, &reason) == 0)
		return 0;
	if (launch->handoff != ADOPT)
		return fail(failure, 0, "%s", reason.text);
	if (!plan_may_reserve(launch))
		return fail(failure, 0, "adopt: %s%s", reason.text,
		    hints_nested(reason.text));
	launch->handoff = RESERVE;
	launch->audience = AUDIENCE_WITHOUT_FDS;
	if (exec_prepare(launch, false, failure) == -1)
		return -1;
	/* What adopt lacked, reserve may lack as well: say so at once. */
	if (!port_files_have_room(launch->files))
		return fail(failure, errno, "adopt: %s; reserve", reason.text);
	/* With -c, reserve has a keeper too, which may fail as adopt's did. */
	if (settle_handoff(launch, front, &another) == -1)
		return strcmp(another.text, reason.text) == 0 ?
		    fail(failure, 0, "%s", reason.text) :
		    fail(failure, 0, "adopt: %s; reserve: %s", reason.text,
		    another.text);
	log_info(&launch->log, "adopt: %s; so reserve: nothing listens before "
	    "%s does", reason.text, launch->command[0]);
	return 0;
}

static void
announce_one(const struct launch *launch, size_t i)
{
	const struct listener *listener = &launch->listeners.list[i];
	const char *word = listener->inherited ? "inherited" : "listening on";
	const char *kind = listener->type == SOCK_DGRAM ? " (datagrams)" : "";
	const char *addr = listener->addr[0] == '\0' ? "a nameless socket" :
	    listener->addr, *service = launch->command[0];
	const struct log *log = &launch->log;
	char label[LABEL_MAX], number[NUMBER_MAX];

	listener_label(listener, label);
	if (launch->audience == AUDIENCE_INETD)
		log_words(log, label, word, " ", addr, kind,
		    ", fds 0 and 1", (char *)NULL);
	else if (launch->handoff == INHERIT)
		log_words(log, label, word, " ", addr, kind, ", fd ",
		    number_text(FIRST_FD + i, number), (char *)NULL);
	else if (launch->handoff == ADOPT && listener->optional &&
	    listener->type == SOCK_STREAM)
		log_words(log, label, addr, " listens when ", service,
		    " binds it", (char *)NULL);
	else if (launch->handoff == ADOPT)
		log_words(log, label, word, " ", addr, kind, ", until ",
		    service, " binds it", (char *)NULL);
	else if (listener->reserve != -1)
		log_words(log, label, number_text(listener->port, number),
		    " reserved for ", service, (char *)NULL);
}

static void
announce(const struct launch *launch)
{
	size_t i;

	for (i = 0; i < launch->listeners.count; i++)
		announce_one(launch, i);
}

/* signo is of port_files_write(). */
static int
publish(struct launch *launch, int *signo, struct failure *failure)
{
	if (launch->handoff != RESERVE &&
	    listeners_listen(&launch->listeners, launch->handoff != ADOPT,
	    failure) == -1)
		return -1;
	announce(launch);
	hints_log(launch);
	return port_files_write(launch->files, &launch->signals, signo,
	    failure);
}

/*
 * Runs the service.  If portexec has to stay, returns the outcome of the run.
 * Otherwise this process becomes the service, and run() returns only where
 * that failed, or where a signal came first.  The reason is in failure.  With
 * -b all but prepare() is done by the background process.
 */
static struct outcome
run(struct launch *launch, struct failure *failure)
{
	struct outcome outcome = { .status = STATUS_FAILED };
	struct front front;

	if (prepare(launch, failure) == -1)
		return outcome;
	if (launch->options->background &&
	    background_start(launch, &outcome, failure))
		return outcome;
	if (settle_handoff(launch, &front, failure) == -1)
		return outcome;
	if (publish(launch, &outcome.signal, failure) == -1) {
		if (plan_is_supervised(launch))
			front_abandon(&front);
		return outcome;
	}
	if (plan_is_supervised(launch))
		return front_run(&front, launch, failure);
	exec_identify(launch);
	if (launch->options->background || leaves_paths(launch->options))
		outcome.signal = signals_await(&launch->signals, 0);
	if (outcome.signal != 0 || background_ready(launch, failure) == -1)
		return outcome;
	return exec_service(launch, failure);
}

/* Does what the command line asks for. */
static struct outcome
act(struct launch *launch, int argc, char *argv[], struct failure *failure)
{
	struct outcome outcome = { .status = STATUS_FAILED };

	if (options_parse(launch->options, argc, argv, failure) == -1)
		return outcome;
	switch (launch->options->action) {
	case SHOW_HELP:
		outcome.status = show(options_print_help, failure);
		return outcome;
	case SHOW_VERSION:
		outcome.status = show(print_version, failure);
		return outcome;
	case CHECK:
		outcome.status = trial_print(launch, failure);
		return outcome;
	case RUN:
		break;
	}
	launch->log = log_open(launch->options->verbosity);
	return run(launch, failure);
}

static void
discard(struct launch *launch, bool executed)
{
	size_t i;

	port_files_discard(launch->files, executed);
	listeners_discard(&launch->listeners, executed);
	for (i = 0; launch->command != NULL && launch->command[i] != NULL; i++)
		free(launch->command[i]);
	free(launch->command);
	free(launch->script);
	environment_free(&launch->environment);
}

int
main(int argc, char *argv[])
{
	struct options options = { .action = RUN };
	struct port_files files = { NULL, 0 };
	struct launch launch = { .options = &options, .files = &files };
	struct failure failure = { "" };
	struct outcome outcome;

	signals_save(&launch.signals);
	outcome = act(&launch, argc, argv, &failure);
	background_fail(&launch, outcome.status, &failure);
	if (failure.text[0] != '\0')
		log_failure(&failure);
	discard(&launch, outcome.executed);
	options_free(&options);
	return outcome.signal != 0 ? signals_die(outcome.signal) :
	    outcome.status;
}
