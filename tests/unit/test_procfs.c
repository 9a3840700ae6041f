/* SPDX-License-Identifier: ISC */
/*
 * procfs_number(): which word of a line, and whether it is a number; what is
 * read of files and folders, compared with what stdio and fcntl(2) say.
 */

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "process/procfs.h"
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

/* With room for so many bytes of each line: longer ones are cut. */
static const size_t sizes[] = { 128, 5, 2, 1 };

START_TEST(reads_lines)
{
	struct procfs file;
	char *line = NULL, text[128];
	size_t room = 0, colon;
	int count = 0;
	FILE *same = fopen("/proc/self/status", "re");

	ck_assert_ptr_nonnull(same);
	ck_assert_int_eq(procfs_open(&file, "%s/status", "self"), 0);
	while (getline(&line, &room, same) != -1) {
		ck_assert(procfs_text(&file, '\n', text, sizes[_i]));
		/* Behind the colon the numbers change. */
		colon = strcspn(line, ":");
		ck_assert_int_eq(strncmp(text, line, colon < sizes[_i] ?
		    colon : sizes[_i] - 1), 0);
		ck_assert_uint_lt(strlen(text), sizes[_i]);
		count++;
	}
	ck_assert(!procfs_text(&file, '\n', text, sizeof(text)));
	ck_assert_int_gt(count, 20);
	procfs_close(&file);
	procfs_close(&file);	/* does nothing */
	free(line);
	fclose(same);
}
END_TEST

START_TEST(knows_an_end_that_was_not_waited_for)
{
	char text[PROCFS_STAT_MAX];
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert(procfs_exits(pid));
	ck_assert(procfs_stat(pid, text));
	ck_assert_int_eq(text[STAT_STATE], 'Z');
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(!procfs_exits(pid));
	ck_assert(!procfs_stat(pid, text));
	ck_assert(!procfs_exits(getpid()));
}
END_TEST

/* The name, between parentheses, may have anything in it. */
START_TEST(reads_what_follows_the_name)
{
	unsigned long long parent;
	char text[PROCFS_STAT_MAX];

	ck_assert_int_eq(prctl(PR_SET_NAME, ") Z 7 (a"), 0);
	ck_assert(procfs_stat(getpid(), text));
	ck_assert_int_eq(text[STAT_STATE], 'R');
	ck_assert(procfs_number(text, STAT_PARENT, 10, &parent));
	ck_assert_uint_eq(parent, (unsigned long long)getppid());
}
END_TEST

/* So many that they are read in several pieces. */
enum { MANY = 200 };

START_TEST(reads_entries)
{
	struct procfs folder;
	int fds[MANY], number, i, found = 0;

	for (i = 0; i < MANY; i++)
		ck_assert_int_ne(fds[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC,
		    0), -1);
	ck_assert_int_eq(procfs_open(&folder, "self/fd"), 0);
	while (procfs_entry(&folder, &number)) {
		ck_assert_int_ne(fcntl(number, F_GETFD), -1);
		for (i = 0; i < MANY; i++)
			found += fds[i] == number;
	}
	ck_assert_int_eq(found, MANY);
	procfs_close(&folder);
	for (i = 0; i < MANY; i++)
		close(fds[i]);
}
END_TEST

START_TEST(reads_nothing_of_what_is_not_there)
{
	struct procfs file;
	char text[8];
	int number;

	ck_assert_int_eq(procfs_open(&file, "self/none"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert(!procfs_text(&file, '\n', text, sizeof(text)));
	ck_assert(!procfs_entry(&file, &number));
	procfs_close(&file);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "number", finds_the_number, LENGTH(numbers) },
		{ "none", says_that_there_is_none, LENGTH(none) },
		{ "lines", reads_lines, LENGTH(sizes) },
		{ "end", knows_an_end_that_was_not_waited_for, 1 },
		{ "stat", reads_what_follows_the_name, 1 },
		{ "entries", reads_entries, 1 },
		{ "nothing", reads_nothing_of_what_is_not_there, 1 },
	};

	return run_units("procfs", units, LENGTH(units));
}
