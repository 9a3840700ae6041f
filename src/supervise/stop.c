/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/events.h"
#include "process/procfs.h"
#include "process/tree.h"
#include "supervise/stop.h"

enum {
	ORPHANS_MS = 100,	/* between searches for new orphans */
	KILLS_MS = 20,		/* between KILLs: a fork(2) may escape one */
	GIVE_UP_MS = 5000	/* after KILL: the kernel may hold a process */
};

bool
pids_has(const struct pids *told, pid_t pid)
{
	size_t i;

	for (i = 0; i < told->count; i++)
		if (told->list[i] == pid)
			return true;
	return false;
}

static void
add(struct pids *pids, pid_t pid)
{
	pid_t *list;

	if (pids_has(pids, pid))
		return;
	list = reallocarray(pids->list, pids->count + 1, sizeof(*list));
	if (list == NULL)
		return;
	pids->list = list;
	list[pids->count++] = pid;
}

struct marking {
	struct pids	*told;
	int		 signo;
	pid_t		 group;
};

static void
mark(pid_t pid, pid_t parent, void *context)
{
	struct marking *marking = context;

	(void)parent;
	if ((marking->group == 0 || getpgid(pid) == marking->group) &&
	    !procfs_signal(pid, "SigIgn:", marking->signo))
		add(marking->told, pid);
}

void
pids_note(struct pids *told, int signo, pid_t group)
{
	tree_visit(mark, &(struct marking){ told, signo, group });
}

void
pids_clear(struct pids *told)
{
	free(told->list);
	*told = (struct pids){ NULL, 0 };
}

static void
send_signal(pid_t pid, pid_t parent, int signo)
{
	int fd = tree_open_child(pid, parent);

	if (fd == -1)
		return;
	syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
	/* A stopped process acts on the signal only after SIGCONT. */
	if (signo != SIGKILL)
		syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
	close(fd);
}

static bool
concerns(const struct stop *stop, pid_t pid)
{
	return stop->root == 0 || pids_has(&stop->scope, pid);
}

static void
tell(struct stop *stop, pid_t pid, pid_t parent)
{
	if (!concerns(stop, pid) || pids_has(stop->told, pid))
		return;
	send_signal(pid, parent, procfs_signal(pid, "SigIgn:",
	    stop->signo) ? SIGTERM : stop->signo);
	add(stop->told, pid);
}

static void
tell_any(pid_t pid, pid_t parent, void *context)
{
	tell(context, pid, parent);
}

static void
tell_child(pid_t pid, pid_t parent, void *context)
{
	if (parent == getpid())
		tell(context, pid, parent);
}

/*
 * A shell that waits for a command does nothing on INT before that has ended,
 * so the command is told with it.  What the shell runs later cleans up.
 */
static bool
waits_for_command(const struct stop *stop)
{
	char name[PROCFS_NAME_MAX];

	if (stop->begun || stop->root == 0 || stop->signo != SIGINT)
		return false;
	procfs_name(stop->root, name);
	return strcmp(name, "sh") == 0;
}

static void
tell_command(pid_t pid, pid_t parent, void *context)
{
	struct stop *stop = context;

	if (parent == stop->root && pids_has(&stop->scope, pid))
		tell(stop, pid, parent);
}

/*
 * The shell is told first, so that it does not go on with another command.  A
 * command that it has begun since is not in the scope.
 */
static void
tell_first(struct stop *stop)
{
	bool is_shell = waits_for_command(stop);

	tree_visit(tell_child, stop);
	if (is_shell)
		tree_visit(tell_command, stop);
	stop->begun = true;
}

static void
join(pid_t pid, pid_t parent, void *context)
{
	struct stop *stop = context;

	if (pids_has(&stop->scope, parent))
		add(&stop->scope, pid);
}

/* Children are visited before their parent: each round finds a generation. */
static void
find_scope(struct stop *stop)
{
	size_t count;

	do {
		count = stop->scope.count;
		tree_visit(join, stop);
	} while (stop->scope.count > count);
}

static void
kill_one(pid_t pid, pid_t parent, void *context)
{
	if (concerns(context, pid))
		send_signal(pid, parent, SIGKILL);
}

void
stop_begin(struct stop *stop, struct pids *told, pid_t root, int signo,
    int delay, int grace)
{
	int64_t begin_at = events_clock() + delay;

	*stop = (struct stop){ .root = root, .told = told, .signo = signo,
	    .begin_at = begin_at, .term_at = begin_at + grace / 2,
	    .rest_at = begin_at + grace - grace / 5,
	    .kill_at = begin_at + grace };
	stop->give_up_at = stop->kill_at + GIVE_UP_MS;
	if (root != 0)
		add(&stop->scope, root);
}

void
stop_change(struct stop *stop, int signo)
{
	if (events_clock() < stop->begin_at)
		stop->signo = signo;
}

void
stop_hasten(struct stop *stop)
{
	stop->begin_at = stop->kill_at = events_clock();
	stop->give_up_at = stop->kill_at + GIVE_UP_MS;
}

bool
stop_kills(const struct stop *stop)
{
	return events_clock() >= stop->kill_at;
}

int
stop_step(struct stop *stop)
{
	int64_t now = events_clock();

	if (now < stop->begin_at)
		return (int)(stop->begin_at - now);
	if (stop->root != 0)
		find_scope(stop);
	if (now >= stop->kill_at) {
		tree_visit(kill_one, stop);
		return KILLS_MS;
	}
	if (stop->signo != SIGTERM && now >= stop->term_at) {
		stop->signo = SIGTERM;
		pids_clear(stop->told);
	}
	if (now >= stop->rest_at)
		tree_visit(tell_any, stop);
	else
		tell_first(stop);
	return stop->kill_at - now < ORPHANS_MS ?
	    (int)(stop->kill_at - now) : ORPHANS_MS;
}

bool
stop_goes_on(const struct stop *stop)
{
	return events_clock() < stop->give_up_at;
}

struct wait {
	const struct stop	*stop;
	bool			 found;
};

static void
look_for(pid_t pid, pid_t parent, void *context)
{
	struct wait *wait = context;

	(void)parent;
	if (concerns(wait->stop, pid) && pids_has(wait->stop->told, pid))
		wait->found = true;
}

bool
stop_is_awaited(const struct stop *stop)
{
	struct wait wait = { stop, false };

	tree_visit(look_for, &wait);
	return wait.found;
}

void
stop_end(struct stop *stop)
{
	free(stop->scope.list);
	stop->scope = (struct pids){ NULL, 0 };
}
