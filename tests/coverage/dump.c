/*
 * Linked into the program that `make coverage` builds (--wrap of ld(1)):
 * a process writes its counts at those of its ends that gcov does not see.
 * One that SIGKILL ends has none.
 */

#include <gcov.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

int		__real_execvp(const char *file, char *const argv[]);
int		__wrap_execvp(const char *file, char *const argv[]);
_Noreturn void	__real__exit(int status);
_Noreturn void	__wrap__exit(int status);
int		__real_raise(int number);
int		__wrap_raise(int number);

/* Where it cannot, as another user, nothing is said: tests read that. */
__attribute__((destructor)) static void
dump(void)
{
	FILE *null = fopen("/dev/null", "we"), *kept = stderr;

	if (null != NULL)
		stderr = null;
	__gcov_dump();
	stderr = kept;
	if (null != NULL)
		fclose(null);
}

int
__wrap_execvp(const char *file, char *const argv[])
{
	dump();
	__real_execvp(file, argv);
	__gcov_reset();
	return -1;
}

_Noreturn void
__wrap__exit(int status)
{
	dump();
	__real__exit(status);
}

int
__wrap_raise(int number)
{
	dump();
	return __real_raise(number);
}
