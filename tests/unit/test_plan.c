/* SPDX-License-Identifier: ISC */
/* Which handoff is chosen, and what the service is passed. */

#include "plan.h"
#include "unit.h"

enum {
	P = 1 << PLACEHOLDER_PORT, H = 1 << PLACEHOLDER_HOST,
	A = 1 << PLACEHOLDER_ADDR, F = 1 << PLACEHOLDER_FD
};

static const struct {
	unsigned	words;
	bool		map;
	enum handoff	expected;
} chosen[] = {
	{ 0, false, INHERIT },
	{ 0, true, ADOPT },
	{ P, false, ADOPT },
	{ A, false, ADOPT },
	{ P | A | H, true, ADOPT },
	{ H, false, INHERIT },		/* tells no number */
	{ H, true, ADOPT },
	{ F, false, INHERIT },
	{ F | P, false, INHERIT },
	{ F | A | H, false, INHERIT },
};

START_TEST(chooses_handoff)
{
	static const enum handoff all[] = { INHERIT, ADOPT, RESERVE };
	struct options options = { .maps.count = chosen[_i].map };
	size_t i;

	ck_assert_int_eq(plan_handoff(&options, chosen[_i].words),
	    chosen[_i].expected);
	options.inetd = true;
	ck_assert_int_eq(plan_handoff(&options, chosen[_i].words), INHERIT);
	/* -H has the last word. */
	options.has_handoff = true;
	for (i = 0; i < (size_t)LENGTH(all); i++) {
		options.handoff = all[i];
		ck_assert_int_eq(plan_handoff(&options, chosen[_i].words),
		    all[i]);
	}
}
END_TEST

static const struct {
	enum handoff	handoff;
	bool		asked, inetd, occupied;
	enum audience	expected;
} readers[] = {
	{ INHERIT, false, false, false, AUDIENCE_WITH_FDS },
	{ INHERIT, true, false, false, AUDIENCE_WITH_FDS },
	{ INHERIT, false, false, true, AUDIENCE_WITH_FDS },	/* replaces */
	{ INHERIT, false, true, false, AUDIENCE_INETD },
	{ ADOPT, false, false, false, AUDIENCE_WITH_FDS },
	{ ADOPT, true, false, false, AUDIENCE_WITHOUT_FDS },
	{ ADOPT, false, false, true, AUDIENCE_WITHOUT_FDS },
	{ ADOPT, true, false, true, AUDIENCE_WITHOUT_FDS },
	{ RESERVE, true, false, false, AUDIENCE_WITHOUT_FDS },
	{ RESERVE, true, false, true, AUDIENCE_WITHOUT_FDS },
};

START_TEST(chooses_reader)
{
	struct options options = { .has_handoff = readers[_i].asked,
	    .inetd = readers[_i].inetd };

	ck_assert_int_eq(plan_audience(&options, readers[_i].handoff,
	    readers[_i].occupied), readers[_i].expected);
}
END_TEST

static const struct {
	bool	has_handoff, map, inherited;
	int	type;
	bool	is_unix, expected;
} reservable[] = {
	{ false, false, false, SOCK_STREAM, false, true },
	{ true, false, false, SOCK_STREAM, false, false },
	{ false, true, false, SOCK_STREAM, false, false },
	{ false, false, true, SOCK_STREAM, false, false },
	{ false, false, false, SOCK_DGRAM, false, false },
	{ false, false, false, SOCK_STREAM, true, false },
};

START_TEST(knows_what_reserve_can_do)
{
	struct listener both[] = {
		{ .type = SOCK_STREAM, .host = "127.0.0.1" },
		{ .type = reservable[_i].type, .host = "127.0.0.1",
		    .inherited = reservable[_i].inherited },
	};
	struct options options = {
		.has_handoff = reservable[_i].has_handoff,
		.maps.count = reservable[_i].map,
	};
	struct launch launch = { .options = &options,
	    .listeners = { both, LENGTH(both) } };

	if (reservable[_i].is_unix)
		both[1].host[0] = '\0';
	ck_assert_int_eq(plan_may_reserve(&launch), reservable[_i].expected);
}
END_TEST

static struct assignment output[] = {
	{ .name = (char[]){ "file" } }, { .name = (char[]){ "-" } }
};

static const struct {
	struct options	options;
	const char	*why;	/* NULL: it goes with -b */
} backgrounds[] = {
	{ { .background = true }, NULL },
	{ { .background = true, .files = { output, 1 } }, NULL },
	{ { .background = true, .files = { output, 2 } },
	    "-b: standard output is not for -p and -w" },
	{ { .files = { output, 2 } }, NULL },
	{ { .background = true, .client = "true" },
	    "-b: not with -c, which ends with its client" },
	{ { .background = true, .on_demand = true },
	    "-b: not with --on-demand, which waits for a client" },
	{ { .background = true, .inetd = true },
	    "-b: not with --inetd, whose input is the socket" },
};

START_TEST(refuses_with_background)
{
	struct failure failure = { "" };

	ck_assert_int_eq(plan_check(&backgrounds[_i].options, INHERIT, 0,
	    &failure), backgrounds[_i].why == NULL ? 0 : -1);
	ck_assert_str_eq(failure.text, backgrounds[_i].why == NULL ? "" :
	    backgrounds[_i].why);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "background", refuses_with_background, LENGTH(backgrounds) },
		{ "handoff", chooses_handoff, LENGTH(chosen) },
		{ "reader", chooses_reader, LENGTH(readers) },
		{ "reserve", knows_what_reserve_can_do, LENGTH(reservable) },
	};

	return run_units("plan", units, LENGTH(units));
}
