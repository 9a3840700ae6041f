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

int
main(void)
{
	const struct unit units[] = {
		{ "handoff", chooses_handoff, LENGTH(chosen) },
		{ "reader", chooses_reader, LENGTH(readers) },
		{ "reserve", knows_what_reserve_can_do, LENGTH(reservable) },
	};

	return run_units("plan", units, LENGTH(units));
}
