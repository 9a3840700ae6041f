/* SPDX-License-Identifier: ISC */
#ifndef UNIT_H
#define UNIT_H

/*
 * What the unit programs share.  A test is a loop over a table, so that
 * each row counts as a check.  Check has its messages on fd 3, which no
 * test here moves or closes.
 */

#include <check.h>
#include <stdlib.h>

#undef fail	/* an old name of check's; ours is in log.h */

#define LENGTH(array)	((int)(sizeof(array) / sizeof((array)[0])))

struct unit {
	const char	*name;
	const TTest	*test;
	int		 rows;		/* the test runs with _i = 0, 1, ... */
};

static int
run_units(const char *name, const struct unit *units, int count)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	TCase *tcase;
	int i, failed;

	for (i = 0; i < count; i++) {
		tcase = tcase_create(units[i].name);
		tcase_add_loop_test(tcase, units[i].test, 0, units[i].rows);
		suite_add_tcase(suite, tcase);
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
