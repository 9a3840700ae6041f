/* SPDX-License-Identifier: ISC */
/* client_ending(): how a run with a client ends. */

#include <sys/wait.h>

#include <signal.h>

#include "supervise/client.h"
#include "unit.h"

#define EXIT(status)	W_EXITCODE(status, 0)
#define NONE		(-1)	/* was not over, and was never reaped */

static const struct {
	int	client, service;	/* of wait(2) */
	bool	service_first, forced;
	int	told;
	int	result;
} endings[] = {
	/* The client first: whatever becomes of the service then. */
	{ EXIT(0), SIGTERM, false, false, 0, EXIT(0) },
	{ EXIT(7), SIGTERM, false, false, 0, EXIT(7) },
	{ EXIT(255), EXIT(0), false, false, 0, EXIT(255) },
	{ EXIT(0), EXIT(3), false, false, 0, EXIT(0) },
	{ EXIT(0), SIGKILL, false, false, 0, EXIT(0) },
	{ EXIT(7), NONE, false, false, 0, EXIT(7) },
	{ SIGTERM, SIGTERM, false, false, 0, SIGTERM },
	{ SIGKILL, EXIT(0), false, false, 0, SIGKILL },
	{ SIGSEGV | 0x80, EXIT(3), false, false, 0, SIGSEGV | 0x80 },
	/* The service first, with a failure: its own. */
	{ EXIT(0), EXIT(3), true, false, 0, EXIT(3) },
	{ EXIT(7), EXIT(3), true, false, 0, EXIT(3) },
	{ SIGTERM, EXIT(3), true, true, 0, EXIT(3) },
	{ NONE, EXIT(3), true, true, 0, EXIT(3) },
	{ EXIT(0), EXIT(125), true, false, 0, EXIT(125) },
	{ EXIT(0), SIGKILL, true, false, 0, EXIT(137) },
	{ EXIT(7), SIGTERM, true, false, 0, EXIT(143) },
	{ SIGKILL, SIGSEGV | 0x80, true, true, 0, EXIT(139) },
	/* The service first, with 0: the client's, if that is its own. */
	{ EXIT(0), EXIT(0), true, false, 0, EXIT(0) },
	{ EXIT(7), EXIT(0), true, false, 0, EXIT(7) },
	{ SIGHUP, EXIT(0), true, false, 0, SIGHUP },
	{ SIGTERM, EXIT(0), true, true, 0, EXIT(125) },
	{ EXIT(0), EXIT(0), true, true, 0, EXIT(125) },
	{ NONE, EXIT(0), true, true, 0, EXIT(125) },
	/* Told to stop: as the client ended, else killed by that signal. */
	{ SIGINT, SIGTERM, false, false, SIGINT, SIGINT },
	{ EXIT(130), SIGTERM, false, false, SIGINT, EXIT(130) },
	{ EXIT(0), SIGTERM, false, false, SIGTERM, EXIT(0) },
	{ SIGKILL, SIGKILL, false, true, SIGTERM, SIGTERM },
	{ EXIT(0), EXIT(0), false, true, SIGHUP, SIGHUP },
	{ NONE, SIGTERM, false, true, SIGQUIT, SIGQUIT },
	{ SIGKILL, EXIT(3), true, true, SIGINT, SIGINT },
	{ SIGINT, SIGINT, true, false, SIGINT, SIGINT },
	{ EXIT(7), EXIT(0), true, false, SIGINT, EXIT(7) },
};

static struct child
make_child(int status)
{
	struct child child = { .pid = 1 };

	child.ended = status != NONE;
	child.status = child.ended ? status : 0;
	return child;
}

START_TEST(ends_as_the_contract_says)
{
	struct run run = {
		.client = make_child(endings[_i].client),
		.service = make_child(endings[_i].service),
		.cause = endings[_i].told != 0 ? CAUSE_SIGNAL :
		    endings[_i].service_first ? CAUSE_SERVICE : CAUSE_CLIENT,
		.client_killed = endings[_i].forced,
		.stop_signal = endings[_i].told,
	};

	ck_assert_int_eq(client_ending(&run), endings[_i].result);
	run.cause = CAUSE_NO_CLIENT;
	ck_assert_int_eq(client_ending(&run), EXIT(125));
	run.cause = CAUSE_TIMEOUT;
	ck_assert_int_eq(client_ending(&run), EXIT(125));
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "endings", ends_as_the_contract_says, LENGTH(endings) },
	};

	return run_units("client", units, LENGTH(units));
}
