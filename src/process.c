#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "process.h"
#include "procfs.h"

enum {
	BETWEEN_LOOKS = 100,	/* ms; for those that lost their parent */
	BETWEEN_KILLS = 20,	/* ms; one may be forked meanwhile */
	AFTER_KILL = 5000,	/* ms; one in the kernel may not end at all */
	GENERATIONS = 100	/* below us that are visited at once */
};

/* The fourth field of proc_pid_stat(5), behind the command's name. */
static pid_t
parent_of(pid_t pid)
{
	unsigned long long parent;
	char text[512] = "", *end;
	struct procfs file;

	if (procfs_open(&file, "%d/stat", pid) == -1)
		return -1;
	procfs_text(&file, '\0', text, sizeof(text));
	end = strrchr(text, ')');
	procfs_close(&file);
	return end != NULL && procfs_number(end + 1, 1, 10, &parent) ?
	    (pid_t)parent : -1;
}

bool
processes_are_visible(void)
{
	char link[16];
	ssize_t length;

	length = readlink("/proc/self", link, sizeof(link) - 1);
	link[length == -1 ? 0 : length] = '\0';
	return atoi(link) == getpid();
}

struct visitor {
	void	(*visit)(pid_t pid, pid_t parent, void *context);
	void	*context;
	int	generation;
};

static size_t	visit_children(pid_t parent, struct visitor *visitor);

static size_t
visit_children_of_thread(pid_t parent, pid_t thread, struct visitor *visitor)
{
	unsigned long long pid;
	struct procfs file;
	char word[16];
	size_t count = 0;

	if (procfs_open(&file, "%d/task/%d/children", parent, thread) == -1)
		return 0;
	while (procfs_text(&file, ' ', word, sizeof(word)) &&
	    procfs_number(word, 0, 10, &pid)) {
		count += 1 + visit_children((pid_t)pid, visitor);
		visitor->visit((pid_t)pid, parent, visitor->context);
	}
	procfs_close(&file);
	return count;
}

static size_t
visit_children(pid_t parent, struct visitor *visitor)
{
	struct procfs threads;
	size_t count = 0;
	pid_t thread;

	if (visitor->generation == GENERATIONS ||
	    procfs_open(&threads, "%d/task", parent) == -1)
		return 0;
	visitor->generation++;
	while (procfs_entry(&threads, &thread))
		count += visit_children_of_thread(parent, thread, visitor);
	visitor->generation--;
	procfs_close(&threads);
	return count;
}

size_t
processes_visit(void (*visit)(pid_t, pid_t, void *), void *context)
{
	struct visitor visitor = { visit, context, 0 };

	return visit_children(getpid(), &visitor);
}

/*
 * A pidfd, or -1.  It is opened before the parent is asked: a recycled pid
 * has another.
 */
static int
open_child(pid_t pid, pid_t parent)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd == -1 || parent_of(pid) == parent)
		return fd;
	close(fd);
	return -1;
}

static void
signal_one(pid_t pid, pid_t parent, void *context)
{
	int fd = open_child(pid, parent);

	if (fd == -1)
		return;
	syscall(SYS_pidfd_send_signal, fd, *(int *)context, NULL, 0);
	close(fd);
}

size_t
processes_signal(int number)
{
	return processes_visit(signal_one, &number);
}

struct crowd {
	int	*pidfds;
	size_t	 count;
};

static void
collect_one(pid_t pid, pid_t parent, void *context)
{
	struct crowd *crowd = context;
	int *grown, fd = open_child(pid, parent);

	if (fd == -1)
		return;
	grown = reallocarray(crowd->pidfds, crowd->count + 1, sizeof(*grown));
	if (grown == NULL) {
		close(fd);
		return;
	}
	crowd->pidfds = grown;
	grown[crowd->count++] = fd;
}

void
processes_signal_tree(pid_t root, int number)
{
	struct crowd crowd = { NULL, 0 };
	struct visitor visitor = { collect_one, &crowd, 0 };

	visit_children(root, &visitor);
	collect_one(root, getpid(), &crowd);
	while (crowd.count > 0) {
		crowd.count--;
		syscall(SYS_pidfd_send_signal, crowd.pidfds[crowd.count],
		    number, NULL, 0);
		close(crowd.pidfds[crowd.count]);
	}
	free(crowd.pidfds);
}

struct tally {
	pid_t	besides;
	size_t	count;
};

static void
count_one(pid_t pid, pid_t parent, void *context)
{
	struct tally *tally = context;

	tally->count += parent == getpid() && pid != tally->besides;
}

size_t
processes_count_others(pid_t besides)
{
	struct tally tally = { besides, 0 };

	processes_visit(count_one, &tally);
	return tally.count;
}

bool
processes_reap(struct child *const list[], size_t count)
{
	int status;
	pid_t pid;
	size_t i;

	do {
		pid = waitpid(-1, &status, WNOHANG);
		for (i = 0; pid > 0 && i < count; i++)
			/* Once it was reaped, its pid may be another's. */
			if (list[i]->pid == pid && !list[i]->ended) {
				list[i]->status = status;
				list[i]->ended = true;
				list[i]->ended_at = process_clock();
			}
	} while (pid > 0 || (pid == -1 && errno == EINTR));
	return pid == 0;
}

int64_t
process_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool
was_told(const struct stop *stop, pid_t pid)
{
	size_t i;

	for (i = 0; i < stop->count; i++)
		if (stop->told[i] == pid)
			return true;
	return false;
}

static void
tell(struct stop *stop, pid_t pid, pid_t parent)
{
	pid_t *told;
	int fd;

	if (was_told(stop, pid) || (fd = open_child(pid, parent)) == -1)
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
process_stop_begin(struct stop *stop, int grace)
{
	*stop = (struct stop){ .kill_at = process_clock() + grace };
	stop->give_up_at = stop->kill_at + AFTER_KILL;
	processes_visit(tell_any, stop);
}

void
process_stop_hasten(struct stop *stop)
{
	stop->kill_at = process_clock();
	stop->give_up_at = stop->kill_at + AFTER_KILL;
}

int
process_stop_step(struct stop *stop)
{
	int64_t left = stop->kill_at - process_clock();

	if (left > 0) {
		processes_visit(tell_orphan, stop);
		return left < BETWEEN_LOOKS ? (int)left : BETWEEN_LOOKS;
	}
	processes_signal(SIGKILL);
	return BETWEEN_KILLS;
}

void
process_stop_end(struct stop *stop)
{
	free(stop->told);
	stop->told = NULL;
}

bool
process_stop_goes_on(const struct stop *stop)
{
	return process_clock() < stop->give_up_at;
}
