/* SPDX-License-Identifier: ISC */
/* What looks like a placeholder, and what is somebody else's. */

#include <string.h>

#include "handoff/lookalike.h"
#include "unit.h"

static const struct {
	const char	*text, *found, *instead;	/* NULL: none */
} rows[] = {
	/* Capitals, blanks, the brackets of others. */
	{ "{PORT}", "{PORT}", "{port}" },
	{ "{Host}", "{Host}", "{host}" },
	{ "<ADDR>", "<ADDR>", "{addr}" },
	{ "{FD}", "{FD}", "{fd}" },
	{ "{ port }", "{ port }", "{port}" },
	{ "{{port}}", "{{port}}", "{port}" },
	{ "{{ port }}", "{{ port }}", "{port}" },
	{ "$port", "$port", "{port}" },
	{ "$PORT", "$PORT", "{port}" },
	{ "${PORT}", "${PORT}", "{port}" },
	{ "$LISTEN_PORT", "$LISTEN_PORT", "{port}" },
	{ "${LISTEN_PORT}", "${LISTEN_PORT}", "{port}" },
	{ "%port%", "%port%", "{port}" },
	{ "%PORT%", "%PORT%", "{port}" },

	/* Two letters changed places, one more, one less, another one. */
	{ "{prot}", "{prot}", "{port}" },
	{ "{potr}", "{potr}", "{port}" },
	{ "{prt}", "{prt}", "{port}" },
	{ "{poort}", "{poort}", "{port}" },
	{ "{portt}", "{portt}", "{port}" },
	{ "{porr}", "{porr}", "{port}" },
	{ "<prot>", "<prot>", "{port}" },
	{ "{adr}", "{adr}", "{addr}" },
	{ "{hsot}", "{hsot}", "{host}" },
	{ "$prot", NULL, NULL },
	{ "%prot%", NULL, NULL },

	/* Where it stands. */
	{ "--port={PORT}", "{PORT}", "{port}" },
	{ "127.0.0.1:{prot}", "{prot}", "{port}" },
	{ "{HOST}:{PORT}", "{HOST}", "{host}" },
	{ "{host}:{PORT}", "{PORT}", "{port}" },
	{ "{host}@{PORT}", "{PORT}", "{port}" },
	{ "http://{ADDR}/x", "{ADDR}", "{addr}" },
	{ "--port=$PORT", "$PORT", "{port}" },
	{ "/users/{PORT}", NULL, NULL },
	{ "x{PORT}", NULL, NULL },
	{ "{PORT}x", NULL, NULL },
	{ "\"{PORT}\"", NULL, NULL },
	{ "{\"port\":{PORT}}", NULL, NULL },
	{ "exec ./server {PORT}", NULL, NULL },
	{ "{PORT} x", NULL, NULL },
	{ "{PORT}/x y", NULL, NULL },
	{ "exec ./server --port=$PORT", NULL, NULL },

	/* Ours, and what is no mistake. */
	{ "{port}", NULL, NULL },
	{ "<port>", NULL, NULL },
	{ "{port:web}", NULL, NULL },
	{ "{PORT:web}", NULL, NULL },
	{ "{id}", NULL, NULL },
	{ "{d}", NULL, NULL },
	{ "{fds}", NULL, NULL },
	{ "{post}", NULL, NULL },
	{ "{ports}", NULL, NULL },
	{ "{cost}", NULL, NULL },
	{ "{}", NULL, NULL },
	{ "{", NULL, NULL },
	{ "{{", NULL, NULL },
	{ "${", NULL, NULL },
	{ "$", NULL, NULL },
	{ "%", NULL, NULL },
	{ "%%", NULL, NULL },
	{ "{port", NULL, NULL },
	{ "{PORT", NULL, NULL },
	{ "{protocol}", NULL, NULL },
	{ "{export}", NULL, NULL },
	{ "{sports}", NULL, NULL },
	{ "<html>", NULL, NULL },
	{ "$PORTS", NULL, NULL },
	{ "${PORT:-3000}", NULL, NULL },
	{ "%p", NULL, NULL },
	{ "", NULL, NULL },
	{ "{PORT                              }", NULL, NULL },
};

START_TEST(finds)
{
	char found[LOOKALIKE_MAX] = "";
	const char *instead = lookalike_find(rows[_i].text, found);

	if (rows[_i].instead == NULL) {
		ck_assert_ptr_null(instead);
		ck_assert_str_eq(found, "");
	} else {
		ck_assert_ptr_nonnull(instead);
		ck_assert_str_eq(instead, rows[_i].instead);
		ck_assert_str_eq(found, rows[_i].found);
	}
}
END_TEST

int
main(void)
{
	const struct unit units[] = { { "finds", finds, LENGTH(rows) } };

	return run_units("lookalike", units, LENGTH(units));
}
