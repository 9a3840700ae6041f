/* SPDX-License-Identifier: ISC */
#include <sys/utsname.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/caller.h"
#include "cli/values.h"
#include "process/procfs.h"
#include "socket/bind.h"
#include "supervise/front.h"
#include "trial.h"

/* What stands for COMMAND, and for the client's script: nothing is executed. */
static char command[] = "true";

/* reason: NULL, if it works. */
static void
print_line(const char *what, const char *reason)
{
	printf("%s: %s\n", what, reason == NULL ? "works" : reason);
}

/* Tries what a run does that has a keeper; script: that of -c, or NULL. */
static int
try_keeper(struct launch *launch, enum handoff handoff, char *script,
    struct failure *failure)
{
	struct front front;
	int status;

	launch->handoff = handoff;
	launch->audience = AUDIENCE_WITHOUT_FDS;
	launch->script = script;
	status = exec_prepare(launch, false, failure);
	if (status == 0)
		status = front_start(&front, launch, failure);
	if (status == 0)
		front_abandon(&front);
	launch->script = NULL;
	return status;
}

/* Binds a socket by that SPEC.  Returns 0, or -1 with the reason in failure. */
static int
open_socket(struct launch *launch, const char *spec, struct failure *failure)
{
	struct options *options = launch->options;

	options->spec_count = 0;
	if (value_listen(options, spec, failure) == -1)
		return -1;
	return listeners_bind(&launch->listeners, options->specs,
	    options->spec_count, failure);
}

static int
try_reserve(const struct launch *launch, struct failure *failure)
{
	return launch->listeners.list[0].reserve != -1 ? 0 :
	    fail(failure, 0, "the number cannot be reserved");
}

/* The handoffs, and -c; with a socket that is the default one. */
static bool
check_handoffs(struct launch *launch)
{
	struct failure adopt, inherit, reserve, client;
	bool bound = open_socket(launch, "0", &inherit) == 0;
	int status[4] = { -1, -1, -1, -1 };

	adopt = reserve = client = inherit;
	if (bound) {
		status[0] = try_keeper(launch, ADOPT, NULL, &adopt);
		status[1] = listeners_listen(&launch->listeners, true,
		    &inherit);
		status[2] = try_reserve(launch, &reserve);
		status[3] = try_keeper(launch, RESERVE, command, &client);
	}
	print_line("adopt", status[0] == 0 ? NULL : adopt.text);
	print_line("inherit", status[1] == 0 ? NULL : inherit.text);
	print_line("reserve", status[2] == 0 ? NULL : reserve.text);
	print_line("client", status[3] == 0 ? NULL : client.text);
	return status[0] == 0;
}

static void
check_ipv6(struct launch *launch)
{
	struct failure failure;

	print_line("IPv6", open_socket(launch, "[::1]:0", &failure) == 0 ?
	    NULL : "none");
}

/*
 * By a copy of this process's own descriptor: whether the kernel has the call,
 * and a container allows it.  For the service's, it takes what reading its
 * memory takes, which adopt has tried.
 */
static void
check_pidfd_getfd(void)
{
	struct caller self;
	int copy = -1;

	errno = ENOSYS;
	if (caller_identify(&self, getpid()) && self.pidfd != -1)
		copy = caller_copy(&self, self.pidfd);
	print_line("pidfd_getfd", copy == -1 ? strerror(errno) : NULL);
	if (copy != -1)
		close(copy);
	caller_close(&self);
}

static void
check_yama(void)
{
	struct procfs file;
	char line[16] = "none";

	if (procfs_open(&file, "sys/kernel/yama/ptrace_scope") == 0) {
		procfs_text(&file, '\n', line, sizeof(line));
		procfs_close(&file);
	}
	print_line("Yama", line);
}

int
trial_print(struct launch *launch, struct failure *failure)
{
	char *words[] = { command, NULL };
	struct utsname system;
	bool adopts;

	launch->command = words;
	adopts = check_handoffs(launch);
	launch->command = NULL;
	check_pidfd_getfd();
	check_ipv6(launch);
	check_yama();
	uname(&system);
	printf("kernel: %s %s %s\n", system.sysname, system.release,
	    system.machine);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fail(failure, errno, "write standard output");
		return STATUS_FAILED;
	}
	return adopts ? EXIT_SUCCESS : STATUS_FAILED;
}
