/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "process/events.h"
#include "process/tree.h"
#include "supervise/stop.h"

enum {
	ORPHANS_MS = 100,	/* between searches for new orphans */
	KILLS_MS = 20,		/* between KILLs: a fork(2) may escape one */
	GIVE_UP_MS = 5000	/* after KILL: the kernel may hold a process */
};

static bool
was_told(const struct stop *stop, pid_t pid)
{
	size_t i;

	for (i = 0; i < stop->count; i++)
		if (stop->told[i] == pid)
			return true;
	return false;
}

/* SIGCONT has a stopped process act on SIGTERM. */
static void
tell(struct stop *stop, pid_t pid, pid_t parent)
{
	pid_t *told;
	int fd;

	if (was_told(stop, pid) || (fd = tree_open_child(pid, parent)) == -1)
		return;
	syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
	syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
	close(fd);
	told = reallocarray(stop->told, stop->count + 1, sizeof(*told));
	if (told != NULL) {
		stop->told = told;
		told[stop->count++] = pid;
	}
}

static void
tell_any(pid_t pid, pid_t parent, void *context)
{
	tell(context, pid, parent);
}

static void
tell_orphan(pid_t pid, pid_t parent, void *context)
{
	if (parent == getpid())
		tell(context, pid, parent);
}

void
stop_begin(struct stop *stop, int grace)
{
	*stop = (struct stop){ .kill_at = events_clock() + grace };
	stop->give_up_at = stop->kill_at + GIVE_UP_MS;
}

void
stop_hasten(struct stop *stop)
{
	stop->kill_at = events_clock();
	stop->give_up_at = stop->kill_at + GIVE_UP_MS;
}

int
stop_step(struct stop *stop)
{
	int64_t left = stop->kill_at - events_clock();

	if (!stop->begun || left > 0)
		tree_visit(stop->begun ? tell_orphan : tell_any, stop);
	stop->begun = true;
	if (left > 0)
		return left < ORPHANS_MS ? (int)left : ORPHANS_MS;
	tree_signal(SIGKILL);
	return KILLS_MS;
}

void
stop_end(struct stop *stop)
{
	free(stop->told);
	stop->told = NULL;
}

bool
stop_goes_on(const struct stop *stop)
{
	return events_clock() < stop->give_up_at;
}
