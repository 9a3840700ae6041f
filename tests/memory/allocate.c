/* SPDX-License-Identifier: ISC */
/*
 * Linked into the program of which `make check-faults` has each allocation
 * fail: every one is a system call first, of a number that no kernel has.
 * The answer is ENOSYS, unless tests/probes/fault.c makes it ENOMEM.
 */

#include <sys/syscall.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

enum { ALLOCATE = 511 };	/* tests/faults reads it here */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the
 * names are glibc's. */
void	*__libc_malloc(size_t size);
void	*__libc_calloc(size_t count, size_t size);
void	*__libc_realloc(void *memory, size_t size);
void	*malloc(size_t size);
void	*calloc(size_t count, size_t size);
void	*realloc(void *memory, size_t size);

static bool
is_short(void)
{
	int kept = errno;

	if (syscall(ALLOCATE) == -1 && errno == ENOMEM)
		return true;
	errno = kept;
	return false;
}

void *
malloc(size_t size)
{
	return is_short() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return is_short() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
	return is_short() ? NULL : __libc_realloc(memory, size);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
