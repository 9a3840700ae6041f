/* SPDX-License-Identifier: ISC */
/*
 * Linked into the program that `make coverage` builds (--wrap of ld(1)):
 * a process writes its counts at those of its ends that gcov does not see.
 * One that SIGKILL ends has none.
 */

#include <sys/socket.h>

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the
 * names are libgcov's, whose header clang has not, and ld(1)'s. */
void		__gcov_dump(void);
void		__gcov_reset(void);
int		__real_execve(const char *file, char *const argv[],
		    char *const envp[]);
int		__wrap_execve(const char *file, char *const argv[],
		    char *const envp[]);
_Noreturn void	__real__exit(int status);
_Noreturn void	__wrap__exit(int status);
int		__real_kill(pid_t pid, int number);
int		__wrap_kill(pid_t pid, int number);
ssize_t		__real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t		__wrap_sendmsg(int fd, const struct msghdr *message, int flags);

/*
 * Where it cannot, on a full disk say, nothing is said: tests read that.
 * libgcov may keep the stream, and close it.
 */
__attribute__((destructor)) static void
dump(void)
{
	FILE *null = fopen("/dev/null", "we"), *kept = stderr;

	if (null != NULL)
		stderr = null;
	__gcov_dump();
	stderr = kept;
}

int
__wrap_execve(const char *file, char *const argv[], char *const envp[])
{
	dump();
	__real_execve(file, argv, envp);
	__gcov_reset();
	return -1;
}

_Noreturn void
__wrap__exit(int status)
{
	dump();
	__real__exit(status);
}

/* It may be this process. */
int
__wrap_kill(pid_t pid, int number)
{
	dump();
	__gcov_reset();
	return __real_kill(pid, number);
}

/* Who hears that a process has failed may kill it at once. */
ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	dump();
	__gcov_reset();
	return __real_sendmsg(fd, message, flags);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
