/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <netinet/tcp.h>

#include <errno.h>
#include <unistd.h>

#include "adopt/notification.h"
#include "process/procfs.h"
#include "process/tree.h"
#include "socket/sock_table.h"
#include "supervise/client.h"

/*
 * Until a reserved port is looked at again; and the time between two looks that
 * show the same socket.  A port finder tries a port by listening there for a
 * moment.
 */
enum { POLL_PORT_MS = 5, POLL_PORT_MOST_MS = 50, STEADY_MS = 50 };

/* Until an end that has begun is looked at again, and how long at most. */
enum { POLL_END_MS = 2, AWAIT_END_MS = 100 };

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
	case CAUSE_TIMEOUT:
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

/* The longer nobody listens, the seldomer it is looked. */
static int
choose_pause(const struct run *run, int64_t now)
{
	int64_t pause = (now - run->service.started_at) / 100;

	if (pause > POLL_PORT_MOST_MS)
		pause = POLL_PORT_MOST_MS;
	return pause < POLL_PORT_MS ? POLL_PORT_MS : (int)pause;
}

struct port_search {
	const struct listener	*listener;
	ino_t			 known, found;	/* known is preferred */
};

static void
search_port(const struct sock_row *row, void *context)
{
	struct port_search *search = context;

	if (row->state == TCP_LISTEN &&
	    address_port(&row->local) == search->listener->port &&
	    (search->found == 0 || row->inode == search->known))
		search->found = row->inode;
}

/* Asks /proc, because the service would see a connection. */
static struct port_search
look_for(const struct watch *watch)
{
	struct port_search search = { watch->listener, watch->seen, 0 };

	sock_table_visit(getpid(), TABLE_TCP, search_port, &search);
	return search;
}

bool
client_is_served(const struct watch *watch)
{
	return look_for(watch).found != 0;
}

/* Whether the same socket listens on the reserved port as STEADY_MS ago. */
static bool
listens_steadily(struct watch *watch, int64_t now)
{
	struct port_search search = look_for(watch);

	if (search.found != watch->seen)
		watch->seen_at = now;
	watch->seen = search.found;
	return watch->seen != 0 && now - watch->seen_at >= STEADY_MS;
}

/*
 * Whether every reserved port is listened on.  Under inherit and adopt our own
 * sockets listen already.
 */
static bool
may_start(struct run *run)
{
	struct adoption *adoption = &run->adoption;
	int64_t now = run->launch->handoff == RESERVE ? events_clock() : 0;
	bool steady = true, seen = true;
	size_t i;

	if (now < run->port_look_at)
		return false;
	for (i = 0; now != 0 && i < adoption->listeners->count; i++)
		if (adoption->listeners->list[i].reserve != -1) {
			steady &= listens_steadily(&adoption->watches[i], now);
			seen &= adoption->watches[i].seen != 0;
		}
	run->port_look_at = now + (seen ? STEADY_MS : choose_pause(run, now));
	return steady;
}

/* EPOLLHUP: no process is under the client's filter any more. */
static void
handle_connections(void *context, uint32_t events)
{
	struct run *run = context;
	struct reporter *reporter = &run->adoption.clients;

	if ((events & EPOLLIN) != 0) {
		notification_answer(&run->adoption, reporter);
		return;
	}
	events_watch(run->adoption.events, &run->clients_source, -1, 0);
	close(reporter->notify);
	reporter->notify = -1;
}

static int
watch_connections(struct run *run)
{
	run->clients_source = (struct event_source){
	    .handle = handle_connections, .context = run };
	if (events_watch(run->adoption.events, &run->clients_source,
	    run->adoption.clients.notify, EPOLLIN) == 0)
		return 0;
	return fail(run->failure, errno, "keeper");
}

static void
start(struct run *run)
{
	struct child *client = &run->client;
	struct reporter *reporter = &run->adoption.clients;

	if (child_execute(client, run->launch, run->front, run->group,
	    &run->files, reporter, run->failure) == 0 &&
	    watch_connections(run) == 0) {
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
		return run->adoption.services.notify == -1;
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
	hang_review(run);
	adoption_close_all(&run->adoption);
	run_describe_end(&run->service, end, sizeof(end));
	log_info(&launch->log, "%s %s after %s s, before the client",
	    launch->command[0], end, run_seconds(run, run->service.ended_at,
	    1).text);
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

/*
 * Whether the client has ended when the end of the service had begun.  A dying
 * service closes its connections, by which a test may fail and end, before
 * anybody can wait(2) for the service.
 */
static bool
is_end_near(const struct run *run)
{
	const struct child *client = &run->client, *service = &run->service;

	return run->cause == CAUSE_CLIENT && client->ended &&
	    !service->ended && procfs_exits(service->pid) &&
	    events_clock() < client->ended_at + AWAIT_END_MS;
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
	/*
	 * CAUSE_CLIENT: nothing else has ended the run so far.  Nobody knows
	 * in which order two have ended that are reaped together: the failure
	 * of the service counts then, which may be why the client has ended.
	 */
	if (run->cause == CAUSE_CLIENT && is_service_over(run) &&
	    (!client->ended || run->service.status != 0))
		lose_service(run);
	/* pid 0: the client was not started yet. */
	run->client_killed = !client->ended && run->state == RUN_GRACE &&
	    (client->pid == 0 || events_clock() >= run->deadline);
	if (client->pid == 0 && !run->client_killed && may_start(run))
		start(run);
	if (is_end_near(run))
		return;
	if (client->ended && run->cause == CAUSE_CLIENT)
		hang_client_ended(run);
	if (client->ended || run->client_killed)
		run_stop(run);
}

static int
left_until(int64_t when)
{
	int64_t left = when - events_clock();

	return left < 0 ? 0 : (int)left;
}

int
client_timeout(struct run *run)
{
	int left;

	switch (run->state) {
	case RUN_GOING:
		if (run_has_client(run) && run->client.pid == 0)
			return left_until(run->port_look_at);
		if (run->client.ended)
			return POLL_END_MS;
		left = suspicion_left(run);
		return left > 0 ? left : -1;
	case RUN_GRACE:
		return left_until(run->deadline);
	case RUN_CLIENT:
		return stop_step(&run->client_stop);
	case RUN_STOPPING:
		break;
	}
	return stop_step(&run->stop);
}
