/* SPDX-License-Identifier: ISC */
#include <sys/utsname.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/bind_call.h"
#include "adopt/filter.h"
#include "handoff/exec.h"
#include "process/procfs.h"
#include "process/tree.h"
#include "supervise/client.h"
#include "supervise/spawn.h"

#define SERVICE	"the service's process"

/* What filter_install() says, in the service's MSG_READY. */
enum { KILLABLE = 1, PRIVILEGED = 2 };

enum { STACK_SIZE = 32768 };	/* for exec_client() and fail() */

static int
explain(struct failure *failure, int error)
{
	struct utsname system;

	switch (error) {
	case EBUSY:
		return fail(failure, 0, "another seccomp listener is there "
		    "already");
	case ENOSYS:
	case EINVAL:
		return fail(failure, 0, "this kernel has no seccomp user "
		    "notification");
	case EPERM:
	case EACCES:
		return fail(failure, 0, "seccomp is not permitted here");
	case EOPNOTSUPP:
		uname(&system);
		return fail(failure, 0, "the architecture %s is not known",
		    system.machine);
	default:
		return fail(failure, 0, "%s", strerror(error));
	}
}

/* Yama 2 refuses an ancestor too, and Yama 3 even CAP_SYS_PTRACE. */
static int
explain_unreadable(struct failure *failure, int error)
{
	unsigned long long scope = 0;
	struct procfs file;
	char line[16];

	if (error == EPERM &&
	    procfs_open(&file, "sys/kernel/yama/ptrace_scope") == 0) {
		if (procfs_text(&file, '\n', line, sizeof(line)))
			procfs_number(line, 0, 10, &scope);
		procfs_close(&file);
	}
	if (scope < 2)
		return fail(failure, error, "the service's memory cannot be "
		    "read");
	return fail(failure, 0, "the service's memory cannot be read: "
	    "kernel.yama.ptrace_scope is %llu (set it to 1%s)", scope,
	    scope == 2 ? ", or run as root" : " at boot");
}

static _Noreturn void
report_and_exit(int channel, int status, struct failure *failure)
{
	struct message message = { .kind = MSG_FAILED, .value = status,
	    .failure = failure };

	channel_send(channel, &message, -1);
	_exit(status);
}

static _Noreturn void
execute(struct launch *launch, int channel, struct failure *failure)
{
	struct message message = { .kind = MSG_FAILED };
	struct outcome outcome = { .status = STATUS_FAILED };

	if (channel_receive(channel, &message, NULL) == 1)
		outcome = exec_service(launch, failure);
	else
		channel_fail(failure, "the keeper");
	report_and_exit(channel, outcome.status, failure);
}

/*
 * Closes the channel before it waits for a client: the keeper must not wait for
 * this execve(2), which may come at any time.
 */
static _Noreturn void
execute_on_demand(struct launch *launch, int channel, struct failure *failure)
{
	struct message message = { .kind = MSG_FAILED };
	struct outcome outcome;

	if (channel_receive(channel, &message, NULL) != 1 ||
	    message.kind != MSG_GO)
		_exit(STATUS_FAILED);
	close(channel);
	outcome = exec_service(launch, failure);
	if (outcome.signal != 0)
		_exit(signals_die(outcome.signal));
	log_failure(failure);
	_exit(outcome.status);
}

/*
 * Moves the channel out of the way of the sockets: exec_service() puts them at
 * FIRST_FD and up with dup2(2), which would close the channel.
 */
static int
move_channel(const struct launch *launch, int channel)
{
	int high, end = FIRST_FD + (int)launch->listeners.count;

	if (channel >= end)
		return channel;
	high = fcntl(channel, F_DUPFD_CLOEXEC, end);
	if (high != -1)
		close(channel);
	return high;
}

/* What the service has that the keeper has not. */
static void
become_service(const struct launch *launch, const int input[2])
{
	if (input[0] != -1) {
		dup2(input[0], STDIN_FILENO);
		close(input[0]);
		close(input[1]);
	}
	if (launch->options->has_stop_signal)
		signals_default(launch->options->stop_signal);
}

/*
 * In the service's process: waits on channel for MSG_GO, then becomes the
 * service.  On a failure sends MSG_FAILED and exits.  Under adopt first
 * installs the filter.
 */
static _Noreturn void
service_main(struct launch *launch, int channel, struct failure *failure)
{
	struct message message = { .kind = MSG_READY };
	bool killable = false, privileged = true;
	int notify = -1, high = move_channel(launch, channel);

	if (high == -1) {
		fail(failure, errno, "keeper");
		report_and_exit(channel, STATUS_FAILED, failure);
	}
	channel = high;
	if (launch->handoff == ADOPT) {
		notify = filter_install(REPORT_BIND |
		    (launch->options->maps.count > 0 ? REPORT_CONNECT : 0) |
		    (listeners_have_unix(&launch->listeners) ? REPORT_UNIX : 0),
		    &killable, &privileged);
		if (notify == -1) {
			explain(failure, errno);
			report_and_exit(channel, STATUS_FAILED, failure);
		}
	}
	message.value = (killable ? KILLABLE : 0) |
	    (privileged ? PRIVILEGED : 0);
	if (channel_send(channel, &message, notify) == -1)
		_exit(STATUS_FAILED);
	if (notify != -1)
		close(notify);
	/* Meanwhile the keeper tries to read this memory. */
	exec_identify(launch);
	if (launch->options->on_demand)
		execute_on_demand(launch, channel, failure);
	execute(launch, channel, failure);
}

int
child_fork(struct child *service, struct launch *launch, pid_t group,
    int front, int signals, struct failure *failure)
{
	int ends[2], input[2] = { -1, -1 };

	if (launch->input == INPUT_SILENT && pipe2(input, O_CLOEXEC) == -1)
		return fail(failure, errno, "pipe");
	service->silence = input[1];
	if (channel_open(ends) == -1)
		return fail(failure, errno, "socketpair");
	service->pid = fork();
	if (service->pid == 0) {
		close(ends[0]);
		close(front);
		close(signals);
		setpgid(0, group);
		become_service(launch, input);
		service_main(launch, ends[1], failure);
	}
	if (service->pid == -1)
		fail(failure, errno, "fork");
	close(ends[1]);
	if (input[0] != -1)
		close(input[0]);
	service->channel = ends[0];
	if (service->pid != -1)
		return 0;
	service->pid = 0;
	return -1;
}

int
child_try(const struct child *service, const struct launch *launch,
    struct adoption *adoption, struct failure *failure)
{
	struct message message = { .kind = MSG_FAILED, .failure = failure };
	bool readable = launch->handoff == ADOPT &&
	    bind_call_try(service->pid) == 0;
	int error = errno;
	bool visible = tree_is_visible();

	if (channel_receive(service->channel, &message,
	    &adoption->services.notify) != 1)
		return channel_fail(failure, SERVICE);
	if (message.kind != MSG_READY)
		return -1;
	if (!visible)
		return fail(failure, 0, "/proc: it does not show the "
		    "service");
	if (launch->handoff == RESERVE)
		return client_try(failure);
	if (launch->handoff != ADOPT)
		return 0;
	if (!filter_can_add(adoption->services.notify))
		return fail(failure, 0, "this kernel cannot hand a socket "
		    "over: that takes Linux 5.9");
	adoption->services.killable = (message.value & KILLABLE) != 0;
	if ((message.value & PRIVILEGED) == 0 && exec_is_set_id(launch))
		return fail(failure, 0, "%s is set-user-ID or set-group-ID",
		    launch->command[0]);
	return readable ? 0 : explain_unreadable(failure, error);
}

/* A service that ended before it was released may have sent the reason. */
int
child_release(struct child *service, struct failure *failure)
{
	struct message message = { .kind = MSG_GO, .failure = failure };
	int status = 0, error = 0;

	if (channel_send(service->channel, &message, -1) == -1)
		error = errno;
	if ((error == 0 || error == EPIPE) &&
	    channel_receive(service->channel, &message, NULL) == 1)
		status = message.value;
	else if (error != 0) {
		errno = error;
		channel_fail(failure, SERVICE);
		status = STATUS_FAILED;
	}
	close(service->channel);
	service->channel = -1;
	return status;
}

struct client_start {
	struct launch		*launch;
	int			 front, channel;
	pid_t			 group;
	const struct rlimit	*files;
	struct failure		*failure;
};

/* Has the keeper make the client's connections to the ports of --map. */
static int
report_connections(const struct client_start *start)
{
	struct message message = { .kind = MSG_READY };
	bool killable, privileged;
	struct failure reason;
	int notify = filter_install(REPORT_CONNECT, &killable, &privileged);

	if (notify == -1) {
		explain(&reason, errno);
		return fail(start->failure, 0, "-m: the client: %s",
		    reason.text);
	}
	message.value = killable ? KILLABLE : 0;
	if (channel_send(start->channel, &message, notify) == -1)
		return fail(start->failure, errno, "the keeper");
	close(notify);
	return 0;
}

static int
client_main(void *context)
{
	const struct client_start *start = context;
	struct pollfd front = { .fd = start->front };
	int null;

	setpgid(0, start->group);
	/* A signal to the group may have ended the front before. */
	if (poll(&front, 1, 0) == 1)
		return STATUS_FAILED;
	prlimit(0, RLIMIT_NOFILE, start->files, NULL);
	if (start->launch->input == INPUT_SERVICES &&
	    (null = open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1)
		dup2(null, STDIN_FILENO);
	if (start->channel == -1 || report_connections(start) == 0)
		exec_client(start->launch, start->failure);
	return STATUS_FAILED;
}

/* As vfork(2) does, but the child has a stack of its own. */
static int
run_client_main(struct child *client, struct client_start *start)
{
	char **inherited = environ, *stack = malloc(STACK_SIZE);
	struct failure *failure = start->failure;

	if (stack == NULL)
		return fail(failure, 0, "out of memory");
	failure->text[0] = '\0';
	client->pid = clone(client_main, stack + STACK_SIZE,
	    CLONE_VM | CLONE_VFORK | SIGCHLD, start);
	environ = inherited;
	if (client->pid == -1) {
		client->pid = 0;
		fail(failure, errno, "fork");
	}
	free(stack);
	return failure->text[0] == '\0' ? 0 : -1;
}

/*
 * The client has sent it before it was executed.  One that has ended instead,
 * as the front is gone, has not.
 */
static int
receive_reporter(int channel, struct reporter *reporter,
    struct failure *failure)
{
	struct message message = { .kind = MSG_FAILED };

	if (channel_receive(channel, &message, &reporter->notify) == -1)
		return channel_fail(failure, "the client");
	reporter->killable = (message.value & KILLABLE) != 0;
	return 0;
}

int
child_execute(struct child *client, struct launch *launch, int front,
    pid_t group, const struct rlimit *files, struct reporter *reporter,
    struct failure *failure)
{
	struct client_start start = { launch, front, -1, group, files,
	    failure };
	int ends[2], status;

	if (exec_prepare(launch, true, failure) == -1)
		return -1;
	if (launch->options->maps.count == 0)
		return run_client_main(client, &start);
	if (channel_open(ends) == -1)
		return fail(failure, errno, "socketpair");
	start.channel = ends[1];
	status = run_client_main(client, &start);
	close(ends[1]);
	if (status == 0)
		status = receive_reporter(ends[0], reporter, failure);
	close(ends[0]);
	return status;
}

/* After a child was reaped, another process may get its pid. */
static void
note_end(struct child *child, pid_t pid, int status)
{
	if (child->pid != pid || child->ended)
		return;
	child->status = status;
	child->ended = true;
	child->ended_at = events_clock();
}

bool
children_reap(struct child *const list[], size_t count)
{
	int status;
	pid_t pid;
	size_t i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 ||
	    (pid == -1 && errno == EINTR))
		for (i = 0; pid > 0 && i < count; i++)
			note_end(list[i], pid, status);
	return pid == 0;
}
