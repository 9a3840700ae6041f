/* SPDX-License-Identifier: ISC */
/* hint_make(): what is said to be the matter. */

#include <stdlib.h>
#include <string.h>

#include "supervise/hint.h"
#include "unit.h"

#define TELL	"tell it the port, by {port} or -e PORT"

static const struct {
	enum handoff	 handoff;
	unsigned	 port;		/* of the listener; 0: a unix socket */
	int		 type;
	unsigned	 places[SURVEY_MAX];	/* ports */
	size_t		 more;		/* places that were not kept */
	const char	*hint;
} hints[] = {
	{ ADOPT, 4000, SOCK_STREAM, { 0 }, 0, "; it listens nowhere yet" },
	{ ADOPT, 4000, SOCK_STREAM, { 80 }, 0,
	    "; it listens on 127.0.0.1:80: try --map 80" },
	{ INHERIT, 4000, SOCK_STREAM, { 80 }, 0,
	    "; it listens on 127.0.0.1:80: " TELL ", or try --map 80" },
	{ RESERVE, 4000, SOCK_STREAM, { 80 }, 0,
	    "; it listens on 127.0.0.1:80: " TELL },
	{ ADOPT, 4000, SOCK_DGRAM, { 80 }, 0, "; it listens on 127.0.0.1:80" },
	{ ADOPT, 0, SOCK_STREAM, { 80 }, 0, "; it listens on 127.0.0.1:80" },
	{ ADOPT, 4000, SOCK_STREAM, { 80, 81 }, 0,
	    "; it listens on 127.0.0.1:80 and 127.0.0.1:81: try --map with "
	    "its own port" },
	{ INHERIT, 4000, SOCK_STREAM, { 80, 81, 82 }, 0,
	    "; it listens on 127.0.0.1:80, 127.0.0.1:81 and 127.0.0.1:82: "
	    TELL ", or try --map with its own port" },
	{ RESERVE, 4000, SOCK_STREAM, { 80, 81, 82, 83 }, 1,
	    "; it listens on 127.0.0.1:80, 127.0.0.1:81, 127.0.0.1:82, "
	    "127.0.0.1:83 and others: " TELL },
	{ ADOPT, 4000, SOCK_STREAM, { 4001 }, 0,
	    "; it listens on 127.0.0.1:4001: if it found 4000 in use by "
	    "connecting to it, try -H reserve" },
	{ INHERIT, 4000, SOCK_STREAM, { 4010 }, 0,
	    "; it listens on 127.0.0.1:4010: if it found 4000 in use by "
	    "connecting to it, try -H reserve" },
	{ RESERVE, 4000, SOCK_STREAM, { 4001 }, 0,
	    "; it listens on 127.0.0.1:4001: " TELL },
	{ ADOPT, 4000, SOCK_STREAM, { 4011 }, 0,
	    "; it listens on 127.0.0.1:4011: try --map 4011" },
	{ ADOPT, 4000, SOCK_STREAM, { 3999 }, 0,
	    "; it listens on 127.0.0.1:3999: try --map 3999" },
};

static const struct place place = {
	.address.in = { .sin_family = AF_INET }, .inode = 1
};

static struct place
make_place(unsigned port)
{
	struct place made = place;

	made.address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address_set_port(&made.address, port);
	return made;
}

/* It was not bound by number, or --map any had taken it. */
START_TEST(says_what_any_did_not_take)
{
	struct survey survey = { .place_count = 1,
	    .places = { make_place(80) } };
	struct listener listener = { .port = 4000, .type = SOCK_STREAM };
	struct awaited awaited = { .handoff = ADOPT, .any = true,
	    .listener = &listener, .survey = &survey };
	char hint[HINT_MAX];

	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; it listens on 127.0.0.1:80: " TELL);
}
END_TEST

/* Where there are several, --map alone would give it the first. */
START_TEST(says_which_socket)
{
	struct survey survey = { .place_count = 1,
	    .places = { make_place(80) } };
	struct listener listener = { .name = "api", .port = 4000,
	    .type = SOCK_STREAM };
	struct awaited awaited = { .handoff = ADOPT, .listener = &listener,
	    .survey = &survey };
	char hint[HINT_MAX];

	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; it listens on 127.0.0.1:80: try --map 80");
	awaited.number = 2;
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; it listens on 127.0.0.1:80: try --map "
	    "80=api");
	strlcpy(listener.name, SPEC_UNNAMED, sizeof(listener.name));
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; it listens on 127.0.0.1:80: try --map 80=2");
}
END_TEST

START_TEST(says_where)
{
	struct survey survey = { .place_count = hints[_i].more };
	struct listener listener = { .port = hints[_i].port,
	    .type = hints[_i].type };
	struct awaited awaited = { .handoff = hints[_i].handoff,
	    .listener = &listener, .survey = &survey };
	char hint[HINT_MAX];
	size_t i;

	for (i = 0; i < SURVEY_MAX && hints[_i].places[i] != 0; i++) {
		survey.places[i] = make_place(hints[_i].places[i]);
		survey.place_count++;
	}
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, hints[_i].hint);
}
END_TEST

/* Each goes before what comes after it. */
START_TEST(says_what_is_the_matter)
{
	struct survey survey = { .stopped = 17, .place_count = 1,
	    .places = { make_place(80) }, .apart = 18,
	    .apart_place = make_place(81), .agent = "docker" };
	struct listener listener = { .port = 4000, .type = SOCK_STREAM };
	struct awaited awaited = { .handoff = ADOPT, .listener = &listener,
	    .survey = &survey, .stopped = "a", .apart = "b", .has_ring = true };
	char hint[HINT_MAX];

	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; process 17 (a) is stopped");
	survey.stopped = 0;
	awaited.given = true;
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "");
	awaited.given = false;
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; it listens on 127.0.0.1:80: try --map 80");
	survey.place_count = 0;
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; process 18 (b) listens on 127.0.0.1:81 in "
	    "another network namespace");
	survey.apart = 0;
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; what docker starts is not under portexec: "
	    "try -H reserve");
	survey.agent[0] = '\0';
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "; it listens nowhere yet; if it calls bind by "
	    "io_uring, try -H reserve");
	awaited.has_ring = false;
	survey.hidden = true;
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "");
	survey.hidden = false;
	survey.aside = true;
	hint_make(&awaited, hint);
	ck_assert_str_eq(hint, "");
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "where", says_where, LENGTH(hints) },
		{ "any", says_what_any_did_not_take, 1 },
		{ "which", says_which_socket, 1 },
		{ "the matter", says_what_is_the_matter, 1 },
	};

	return run_units("hint", units, LENGTH(units));
}
