/* SPDX-License-Identifier: ISC */
/*
 * Runs portexec and has one system call fail, chosen by process: strace(1)
 * counts the calls of each process, and would have that of another fail
 * with it.
 *
 *	fault LOG [PROCESS CALL WHICH ERROR] COMMAND [ARG ...]
 *
 * PROCESS is "0", the command, or "0.1", its first child, or "0.1.2" ...;
 * CALL and ERROR are numbers, and so is WHICH, counted from 1 in that
 * process; with a "+" all that follow fail as well.
 * The call is not made, and returns the error; but close(2), and
 * the answer to a notification, are made: what the kernel says then is that
 * it was done, or that nobody was there any more.
 *
 * A line in LOG for each call that is made, "PROCESS CALL ARGUMENT ARGUMENT
 * ARGUMENT", "PROCESS failed" for the one that is chosen, and "PROCESS
 * executed", after which a process is left alone.  Ends as the command did.
 * LISTEN_PID becomes the command's, where LISTEN_FDS is there.
 */

#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <elf.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/ptrace.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#include <sys/user.h>
#endif

enum { TRACEES_MAX = 64, PATH_SIZE = 64, CALLS_MAX = 512, BROKEN = 120 };

struct tracee {
	pid_t	pid;			/* 0: unused */
	char	process[PATH_SIZE];	/* "": we know of no parent yet */
	int	births;
	int	calls[CALLS_MAX];
	bool	begun;		/* the SIGSTOP that it begins with has come */
	bool	chosen;		/* the call that it is in */
};

struct fault {
	FILE		*log;
	struct tracee	 tracees[TRACEES_MAX];
	bool		 started;	/* the command was executed */
	const char	*process;	/* whose call fails; "": nobody's */
	int		 call, which, error;
	bool		 on;		/* those that follow, too */
};

#if defined(__x86_64__)
static void
skip_call(pid_t pid)
{
	if (ptrace(PTRACE_POKEUSER, pid,
	    offsetof(struct user, regs.orig_rax), -1L) == -1)
		err(BROKEN, "PTRACE_POKEUSER");
}

static void
set_result(pid_t pid, long result)
{
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax),
	    result) == -1)
		err(BROKEN, "PTRACE_POKEUSER");
}
#elif defined(__aarch64__)
static void
skip_call(pid_t pid)
{
	int none = -1;
	struct iovec vector = { &none, sizeof(none) };

	if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &vector) == -1)
		err(BROKEN, "PTRACE_SETREGSET");
}

static void
set_result(pid_t pid, long result)
{
	long registers[34];
	struct iovec vector = { registers, sizeof(registers) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector) == -1)
		err(BROKEN, "PTRACE_GETREGSET");
	registers[0] = result;
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vector) == -1)
		err(BROKEN, "PTRACE_SETREGSET");
}
#endif

static struct tracee *
find(struct fault *fault, pid_t pid)
{
	struct tracee *unused = NULL;
	size_t i;

	for (i = 0; i < TRACEES_MAX; i++) {
		if (fault->tracees[i].pid == pid)
			return &fault->tracees[i];
		if (unused == NULL && fault->tracees[i].pid == 0)
			unused = &fault->tracees[i];
	}
	if (unused == NULL)
		errx(BROKEN, "too many processes");
	memset(unused, 0, sizeof(*unused));
	unused->pid = pid;
	return unused;
}

/* It may have been killed meanwhile. */
static void
go_on(const struct tracee *tracee, int signal)
{
	if (ptrace(PTRACE_SYSCALL, tracee->pid, NULL, (long)signal) == -1 &&
	    errno != ESRCH)
		err(BROKEN, "PTRACE_SYSCALL");
}

static bool
is_made(int call, const struct ptrace_syscall_info *info)
{
	return call == SYS_close || (call == SYS_ioctl &&
	    info->entry.args[1] == SECCOMP_IOCTL_NOTIF_SEND);
}

static void
enter_call(struct fault *fault, struct tracee *tracee,
    const struct ptrace_syscall_info *info)
{
	int call = (int)info->entry.nr;

	if (call < 0 || call >= CALLS_MAX)
		return;
	tracee->calls[call]++;
	tracee->chosen = call == fault->call &&
	    (tracee->calls[call] == fault->which ||
	    (fault->on && tracee->calls[call] > fault->which)) &&
	    strcmp(tracee->process, fault->process) == 0;
	if (tracee->chosen && !is_made(call, info))
		skip_call(tracee->pid);
	if (tracee->chosen) {
		fprintf(fault->log, "%s failed\n", tracee->process);
		fflush(fault->log);	/* it may be killed */
	} else
		fprintf(fault->log, "%s %d %llx %llx %llx\n",
		    tracee->process, call,
		    (unsigned long long)info->entry.args[0],
		    (unsigned long long)info->entry.args[1],
		    (unsigned long long)info->entry.args[2]);
}

static void
attend_call(struct fault *fault, struct tracee *tracee)
{
	struct ptrace_syscall_info info;

	if (!fault->started || ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid,
	    sizeof(info), &info) == -1)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		enter_call(fault, tracee, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT && tracee->chosen) {
		set_result(tracee->pid, -(long)fault->error);
		tracee->chosen = false;
	}
}

/* Told by the parent; the child may have stopped before or stops later. */
static void
attend_birth(struct fault *fault, struct tracee *parent)
{
	struct tracee *child;
	unsigned long pid;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, NULL, &pid) == -1)
		return;
	child = find(fault, (pid_t)pid);
	if (snprintf(child->process, PATH_SIZE, "%s.%d", parent->process,
	    ++parent->births) >= PATH_SIZE)
		errx(BROKEN, "too deep");
	if (child->begun)
		go_on(child, 0);
}

/* Attends to a stop; status is wait(2)'s. */
static void
attend_stop(struct fault *fault, struct tracee *tracee, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (!tracee->begun && signal == SIGSTOP) {
		tracee->begun = true;
		if (tracee->process[0] != '\0')
			go_on(tracee, 0);
		return;
	}
	if (event == PTRACE_EVENT_EXEC && fault->started) {
		fprintf(fault->log, "%s executed\n", tracee->process);
		ptrace(PTRACE_DETACH, tracee->pid, NULL, NULL);
		tracee->pid = 0;
		return;
	}
	if (event == PTRACE_EVENT_EXEC)
		fault->started = true;
	else if (event != 0)
		attend_birth(fault, tracee);
	else if (signal == (SIGTRAP | 0x80))
		attend_call(fault, tracee);
	else {
		go_on(tracee, signal);
		return;
	}
	go_on(tracee, 0);
}

static pid_t
start(char *command[])
{
	char number[16];
	pid_t child = fork();

	if (child == -1)
		err(BROKEN, "fork");
	if (child > 0)
		return child;
	snprintf(number, sizeof(number), "%d", getpid());
	if (getenv("LISTEN_FDS") != NULL)
		setenv("LISTEN_PID", number, 1);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		err(BROKEN, "PTRACE_TRACEME");
	raise(SIGSTOP);
	execv(command[0], command);
	err(BROKEN, "%s", command[0]);
}

static void
begin(struct fault *fault, pid_t child)
{
	struct tracee *tracee = find(fault, child);

	strcpy(tracee->process, "0");
	if (waitpid(child, NULL, 0) == -1 || ptrace(PTRACE_SETOPTIONS, child,
	    NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
	    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
	    PTRACE_O_EXITKILL) == -1)
		err(BROKEN, "PTRACE_SETOPTIONS");
	tracee->begun = true;
	go_on(tracee, 0);
}

/* Until all have ended, or are left alone; returns the command's status. */
static int
trace(struct fault *fault, pid_t command)
{
	int status, result = W_EXITCODE(BROKEN, 0);
	struct tracee *tracee;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) != -1) {
		if (WIFSTOPPED(status)) {
			attend_stop(fault, find(fault, pid), status);
			continue;
		}
		if (pid == command)
			result = status;
		tracee = find(fault, pid);
		tracee->pid = 0;
	}
	return result;
}

int
main(int argc, char *argv[])
{
	static struct fault fault = { .process = "", .call = -1 };
	int status;
	pid_t command;

	if (argc < 3)
		errx(BROKEN, "LOG [PROCESS CALL WHICH ERROR] COMMAND ...");
	fault.log = fopen(argv[1], "we");
	if (fault.log == NULL)
		err(BROKEN, "%s", argv[1]);
	if (argc > 6 && strchr(argv[2], '/') == NULL) {
		fault.process = argv[2];
		fault.call = atoi(argv[3]);
		fault.which = atoi(argv[4]);
		fault.on = strchr(argv[4], '+') != NULL;
		fault.error = atoi(argv[5]);
		argv += 4;
	}
	command = start(argv + 2);
	begin(&fault, command);
	status = trace(&fault, command);
	fclose(fault.log);
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}
