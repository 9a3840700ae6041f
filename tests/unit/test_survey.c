/* SPDX-License-Identifier: ISC */
/* Which ports are no place of a service, and which places are kept. */

#include <stdlib.h>
#include <string.h>

#include "adopt/aside.h"
#include "supervise/survey.h"
#include "unit.h"

static const struct {
	unsigned	 port;
	bool		 aside;
	const char	*argument, *node_options;	/* or NULL */
} ports[] = {
	{ 9229, true, NULL, NULL },
	{ 9239, true, NULL, NULL },
	{ 9228, false, NULL, NULL },
	{ 9240, false, NULL, NULL },
	{ 5005, true, NULL, NULL },
	{ 4369, true, NULL, NULL },
	{ 3000, false, "--inspect", NULL },
	{ 3000, true, "--inspect=3000", NULL },
	{ 300, false, "--inspect=3000", NULL },
	{ 3000, false, "--inspect=300", NULL },
	{ 3000, true, "--inspect-brk=127.0.0.1:3000", NULL },
	{ 127, true, "--inspect-brk=127.0.0.1:3000", NULL },	/* harmless */
	{ 3000, false, "--port=3000", NULL },
	{ 3000, false, "3000", NULL },
	{ 3000, true, NULL, "--no-warnings --inspect=[::1]:3000 --x=1" },
	{ 1, true, NULL, "--no-warnings --inspect=[::1]:3000 --x=2" },
	{ 2, false, NULL, "--no-warnings --inspect=[::1]:3000 --x=2" },
	{ 3000, true, NULL, "--inspect --inspect-port=3000" },
	{ 3000, false, NULL, "" },
};

START_TEST(knows_what_is_aside)
{
	char argument[64];
	char first[] = "--inspect=1000";
	char *const command[] = { first, argument, NULL };

	strlcpy(argument, ports[_i].argument == NULL ? "x" :
	    ports[_i].argument, sizeof(argument));
	ck_assert(aside_is_port(ports[_i].port, command,
	    ports[_i].node_options) == ports[_i].aside);
	/* The name of the program is no argument. */
	ck_assert(!aside_is_port(1000, command, NULL));
}
END_TEST

/* The order of places, by inode; ports are inodes, but where there is a 0. */
static const struct {
	ino_t		inodes[8];
	unsigned	count;
	ino_t		kept[SURVEY_MAX];
} orders[] = {
	{ { 5 }, 1, { 5 } },
	{ { 5, 5 }, 1, { 5 } },
	{ { 1, 2, 3, 4 }, 4, { 4, 3, 2, 1 } },
	{ { 4, 3, 2, 1 }, 4, { 4, 3, 2, 1 } },
	{ { 2, 4, 1, 3, 2 }, 4, { 4, 3, 2, 1 } },
	{ { 1, 2, 3, 4, 5 }, 5, { 5, 4, 3, 2 } },
	{ { 5, 4, 3, 2, 1 }, 5, { 5, 4, 3, 2 } },
	{ { 6, 2, 4, 3, 1, 5 }, 6, { 6, 5, 4, 3 } },
};

START_TEST(keeps_the_newest)
{
	struct survey survey = { .place_count = 0 };
	struct place place = { .address.in.sin_family = AF_INET };
	size_t i;

	for (i = 0; i < 8 && orders[_i].inodes[i] != 0; i++) {
		place.inode = orders[_i].inodes[i];
		address_set_port(&place.address, (unsigned)place.inode);
		survey_add(&survey, &place);
	}
	ck_assert_uint_eq(survey.place_count, orders[_i].count);
	for (i = 0; i < SURVEY_MAX && orders[_i].kept[i] != 0; i++)
		ck_assert_uint_eq(survey.places[i].inode, orders[_i].kept[i]);
	/* Another socket at a port that is there is no place more. */
	place.inode = 100;
	address_set_port(&place.address, (unsigned)orders[_i].kept[0]);
	survey_add(&survey, &place);
	ck_assert_uint_eq(survey.place_count, orders[_i].count);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "aside", knows_what_is_aside, LENGTH(ports) },
		{ "newest", keeps_the_newest, LENGTH(orders) },
	};

	return run_units("survey", units, LENGTH(units));
}
