/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "process/descriptors.h"
#include "process/procfs.h"
#include "process/sigmask.h"
#include "process/signals.h"
#include "supervise/witness.h"

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd == -1)
		return false;
	close(fd);
	return true;
}

static _Noreturn void
witness_main(int output, pid_t front)
{
	struct signalfd_siginfo signal;
	struct rlimit limit;
	unsigned char signo;
	sigset_t all;
	int signals;

	prctl(PR_SET_NAME, "witness", 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != front)
		_exit(0);
	sigmask_fill(&all);
	sigmask_change(SIG_BLOCK, &all, NULL);
	dup2(output, STDIN_FILENO);
	prlimit(0, RLIMIT_NOFILE, NULL, &limit);
	descriptors_close(STDOUT_FILENO, INT_MAX, &limit);
	signals = sigmask_open(&all, 0);
	while (read(signals, &signal, sizeof(signal)) == sizeof(signal)) {
		signo = (unsigned char)signal.ssi_signo;
		if (signals_stop(signo) && signal.ssi_code != SI_KERNEL &&
		    write(STDIN_FILENO, &signo, 1) == -1)
			break;
	}
	_exit(0);
}

int
witness_start(struct witness *witness)
{
	pid_t front = getpid();
	int ends[2];

	*witness = (struct witness){ 0, -1 };
	if (!has_terminal())
		return 0;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	witness->pid = fork();
	if (witness->pid == 0)
		witness_main(ends[1], front);
	close(ends[1]);
	if (witness->pid == -1) {
		close(ends[0]);
		witness->pid = 0;
		return -1;
	}
	witness->fd = ends[0];
	return 0;
}

void
witness_end(struct witness *witness)
{
	if (witness->pid == 0)
		return;
	/* One that cannot be killed ends with the front, of PDEATHSIG. */
	while (kill(witness->pid, SIGKILL) == 0 &&
	    waitpid(witness->pid, NULL, 0) == -1 && errno == EINTR)
		;
	close(witness->fd);
	witness->pid = 0;
}

int
witness_hear(const struct witness *witness)
{
	unsigned char signo;
	ssize_t length = read(witness->fd, &signo, 1);

	return length == 1 ? signo : (int)length;
}

bool
witness_is_told(const struct witness *witness, int signo)
{
	return witness->pid != 0 &&
	    procfs_signal(witness->pid, "ShdPnd:", signo);
}
