/* SPDX-License-Identifier: ISC */
/*
 * caller_read(), of this process itself: what lies in its memory whole, in
 * part, or not at all.
 */

#include <sys/mman.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "adopt/caller.h"
#include "unit.h"

enum { WHOLE = 16 };

/* How many of so many bytes are there. */
static const struct {
	size_t	there;
	int	error;
} reads[] = {
	{ WHOLE, 0 }, { WHOLE - 1, EFAULT }, { 1, EFAULT }, { 0, EFAULT },
};

START_TEST(reads_all_or_nothing)
{
	const struct caller self = { .thread = getpid() };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory, read[WHOLE];
	int result;

	memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	memset(memory, 'x', page);
	ck_assert_int_eq(mprotect(memory + page, page, PROT_NONE), 0);
	errno = 0;
	result = caller_read(&self, (uintptr_t)(memory + page -
	    reads[_i].there), read, sizeof(read));
	ck_assert_int_eq(result, reads[_i].error == 0 ? 0 : -1);
	ck_assert_int_eq(errno, reads[_i].error);
	if (result == 0)
		ck_assert_int_eq(memcmp(read, memory, sizeof(read)), 0);
	munmap(memory, 2 * page);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "read", reads_all_or_nothing, LENGTH(reads) },
	};

	return run_units("caller", units, LENGTH(units));
}
