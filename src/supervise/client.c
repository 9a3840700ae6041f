/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <netinet/tcp.h>

#include <errno.h>
#include <unistd.h>

#include "process/procfs.h"
#include "process/tree.h"
#include "supervise/client.h"

enum { POLL_PORT_MS = 5 };	/* until a reserved port is looked at again */

/* As wait(2) says it of a process that exited. */
static int
exited(int status)
{
	return status << 8;
}

int
client_ending(const struct run *run)
{
	const struct child *client = &run->client, *service = &run->service;
	bool by_itself = client->ended && !run->client_killed;

	switch (run->cause) {
	case CAUSE_CLIENT:
		return client->status;
	case CAUSE_SIGNAL:
		return by_itself ? client->status : run->stop_signal;
	case CAUSE_NO_CLIENT:
		return exited(STATUS_FAILED);
	case CAUSE_SERVICE:
		break;
	}
	if (WIFSIGNALED(service->status))
		return exited(128 + WTERMSIG(service->status));
	if (WEXITSTATUS(service->status) != 0)
		return service->status;
	return by_itself ? client->status : exited(STATUS_FAILED);
}

/* table is a file of proc(5): net/tcp or net/tcp6. */
static bool
is_listening(const char *table, unsigned port)
{
	unsigned long long local, state;
	struct procfs file;
	char line[128];
	bool found = false;

	if (procfs_open(&file, "net/%s", table) == -1)
		return false;
	while (!found && procfs_text(&file, '\n', line, sizeof(line)))
		found = procfs_number(line, 2, 16, &local) && local == port &&
		    procfs_number(line, 5, 16, &state) && state == TCP_LISTEN;
	procfs_close(&file);
	return found;
}

/* A proc(5) that is mounted with subset=pid has no net. */
int
client_try(struct failure *failure)
{
	struct procfs file;

	if (procfs_open(&file, "net/tcp") == -1)
		return fail(failure, errno, "-c with a reserved port takes "
		    "/proc/net/tcp");
	procfs_close(&file);
	return 0;
}

/*
 * Whether something listens on every reserved port.  Asks /proc, because the
 * service would see a connection.  Under inherit and adopt our own sockets
 * listen already.
 */
static bool
may_start(const struct launch *launch)
{
	const struct listeners *listeners = &launch->listeners;
	const struct listener *listener;
	size_t i;

	for (i = 0; launch->handoff == RESERVE && i < listeners->count; i++) {
		listener = &listeners->list[i];
		if (listener->reserve != -1 &&
		    !is_listening("tcp", listener->port) &&
		    !is_listening("tcp6", listener->port))
			return false;
	}
	return true;
}

static void
start(struct run *run)
{
	struct child *client = &run->client;

	if (child_execute(client, run->launch, run->front, run->group,
	    &run->files, run->failure) == 0) {
		client->started_at = events_clock();
		run->children_left = true;
		log_debug(&run->launch->log, "started the client as process "
		    "%d", client->pid);
	} else {
		log_failure(run->failure);
		run->cause = CAUSE_NO_CLIENT;
		run_stop(run);
	}
	run_close_callers(run);
}

struct search {
	pid_t	client;
	bool	found;
};

static void
search_one(pid_t pid, pid_t parent, void *context)
{
	struct search *search = context;

	if (parent == getpid() && pid != search->client)
		search->found = true;
}

/*
 * Returns the milliseconds in which a service that has ended may yet turn out
 * to have been told to, with everybody else.
 */
static int
suspicion_left(const struct run *run)
{
	const struct child *service = &run->service;
	int64_t left = service->ended_at + OUTSIDE_MS - events_clock();

	return service->ended && outside_is_suspected(service->status) &&
	    left > 0 ? (int)left : 0;
}

/*
 * Whether nobody is left who might serve the client.  A service that ended
 * with status 0 may have left a daemon: under adopt a process under the
 * filter, else a process that has become a child of the keeper.
 */
static bool
is_service_over(const struct run *run)
{
	struct search search = { run->client.pid, false };

	if (!run->service.ended || suspicion_left(run) > 0)
		return false;
	if (run->service.status != 0)
		return true;
	if (run->launch->handoff == ADOPT)
		return run->adoption.notify == -1;
	tree_visit(search_one, &search);
	return !search.found;
}

/*
 * The service is over and the client is not.  Closes the listeners, which
 * refuses new connections, and gives the client the time of -k to end.
 */
static void
lose_service(struct run *run)
{
	const struct launch *launch = run->launch;
	char end[64];

	run->cause = CAUSE_SERVICE;
	adoption_close_all(&run->adoption);
	run_describe_end(&run->service, end, sizeof(end));
	log_info(&launch->log, "%s %s after %.1f s, before the client",
	    launch->command[0], end, run_seconds(run, run->service.ended_at));
	run_begin_grace(run);
}

/* The client was told to stop.  Goes on when what was told with it is gone. */
static void
await_client(struct run *run)
{
	struct child *client = &run->client;
	struct stop *stop = &run->client_stop;

	stop_step(stop);
	run->client_killed |= !client->ended && stop_kills(stop);
	if (!stop_goes_on(stop) ||
	    (client->ended && !stop_is_awaited(stop)))
		run_stop(run);
}

void
client_step(struct run *run)
{
	struct child *client = &run->client;

	if (run->state == RUN_STOPPING)
		return;
	if (run->state == RUN_CLIENT) {
		await_client(run);
		return;
	}
	/* CAUSE_CLIENT: nothing else has ended the run so far. */
	if (run->cause == CAUSE_CLIENT && !client->ended &&
	    is_service_over(run))
		lose_service(run);
	/* pid 0: the client was not started yet. */
	run->client_killed = !client->ended && run->state == RUN_GRACE &&
	    (client->pid == 0 || events_clock() >= run->deadline);
	if (client->pid == 0 && !run->client_killed && may_start(run->launch))
		start(run);
	if (client->ended || run->client_killed)
		run_stop(run);
}

static int
left_of_grace(const struct run *run)
{
	int64_t left = run->deadline - events_clock();

	return left < 0 ? 0 : (int)left;
}

int
client_timeout(struct run *run)
{
	int left;

	switch (run->state) {
	case RUN_GOING:
		if (run_has_client(run) && run->client.pid == 0)
			return run->launch->handoff == RESERVE ?
			    POLL_PORT_MS : 0;
		left = suspicion_left(run);
		return left > 0 ? left : -1;
	case RUN_GRACE:
		return left_of_grace(run);
	case RUN_CLIENT:
		return stop_step(&run->client_stop);
	case RUN_STOPPING:
		break;
	}
	return stop_step(&run->stop);
}
