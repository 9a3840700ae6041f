/* procfs_number(): which word of a line, and whether it is a number. */

#include "procfs.h"
#include "unit.h"

#define EPOLL	"tfd:        8 events:       19 data:     7ffe00000008  pos:0\n"
#define TABLE	"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:0\n"

static const struct {
	const char		*line;
	unsigned		 n;
	int			 base;
	unsigned long long	 number;
} numbers[] = {
	{ "0", 0, 10, 0 },
	{ "12 34 56\n", 0, 10, 12 },
	{ "12 34 56\n", 2, 10, 56 },
	{ "\t017\n", 0, 8, 017 },
	{ ":\t4711\n", 0, 10, 4711 },
	{ " S 17 18 19", 1, 10, 17 },
	{ EPOLL, 1, 10, 8 },
	{ EPOLL, 3, 16, 0x19 },
	{ EPOLL, 5, 16, 0x7ffe00000008 },
	{ TABLE, 2, 16, 0x1f90 },
	{ TABLE, 5, 16, 0x0a },
	{ "ffffffffffffffff", 0, 16, 0xffffffffffffffff },
};

static const struct {
	const char	*line;
	unsigned	 n;
	int		 base;
} none[] = {
	{ "", 0, 10 },
	{ " :\t\n", 0, 10 },
	{ "12", 1, 10 },
	{ "12 ", 1, 10 },
	{ "1 2 3", 1000, 10 },
	{ "self", 0, 10 },
	{ "12a", 0, 10 },
	{ "1f", 0, 10 },
	{ "18", 0, 8 },
	{ "S 17", 0, 16 },
};

START_TEST(finds_the_number)
{
	unsigned long long number;

	ck_assert(procfs_number(numbers[_i].line, numbers[_i].n,
	    numbers[_i].base, &number));
	ck_assert(number == numbers[_i].number);
}
END_TEST

START_TEST(says_that_there_is_none)
{
	unsigned long long number;

	ck_assert(!procfs_number(none[_i].line, none[_i].n, none[_i].base,
	    &number));
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "number", finds_the_number, LENGTH(numbers) },
		{ "none", says_that_there_is_none, LENGTH(none) },
	};

	return run_units("procfs", units, LENGTH(units));
}
