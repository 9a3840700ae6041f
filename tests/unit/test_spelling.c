/* SPDX-License-Identifier: ISC */
/* What is typed as a SPEC, and what is proposed. */

#include <stdio.h>
#include <string.h>

#include "cli/values.h"
#include "socket/spelling.h"
#include "unit.h"

#define NO_PORT	"there is no port, and a path begins with '/' or '.'"
#define PATH	"a path is for unix, unixgram and unixpacket"
#define HOST	"the host is not numeric, '*' or localhost"
#define NUMBER	"the port is not a number from 0 to 65535"
#define TYPES	"there are tcp, udp and unix sockets only"
#define NAMED	" for a socket of that name"

static const struct {
	const char	*spec, *said;	/* after "socket 'SPEC': " */
} rows[] = {
	/* URLs. */
	{ "tcp://127.0.0.1:0", PATH ": write tcp:127.0.0.1:0" },
	{ "tcp://:80", PATH ": write 'tcp:*:80'" },
	{ "udp://[::1]:53", PATH ": write 'udp:[::1]:53'" },
	{ "http://localhost:0", "'http' is neither a type nor a numeric host: "
	    "write localhost:0" },
	{ "https://0.0.0.0:443/a/b", "'https' is neither a type nor a numeric "
	    "host: write 0.0.0.0:443" },
	{ "HTTP://localhost", "'HTTP' is neither a type nor a numeric host: "
	    "write localhost:0" },
	{ "http://example.com:80", "'http' is neither a type nor a numeric "
	    "host" },

	/* No port, or no host. */
	{ "", NO_PORT ": write 0" },
	{ "auto", NO_PORT ": write 0" },
	{ "ANY", NO_PORT ": write 0" },
	{ "web=", NO_PORT ": write web=0" },
	{ "tcp", NO_PORT ": write tcp:0" },
	{ "udp", NO_PORT ": write udp:0" },
	{ "udp:", NO_PORT ": write udp:0" },
	{ "localhost", NO_PORT ": write localhost:0" },
	{ "127.0.0.1", NO_PORT ": write 127.0.0.1:0" },
	{ "0.0.0.0,backlog=9", NO_PORT ": write 0.0.0.0:0,backlog=9" },
	{ "web=0.0.0.0", NO_PORT ": write web=0.0.0.0:0" },
	{ "*", NO_PORT ": write '*:0'" },
	{ "[::1]", NO_PORT ": write '[::1]:0'" },
	{ "udp:*:", NUMBER ": write 'udp:*:0'" },
	{ "127.0.0.1:", NUMBER ": write 127.0.0.1:0" },
	{ ":8080", "the host is missing; '*' is all addresses: "
	    "write '*:8080'" },
	{ "udp::53", "the host is missing; '*' is all addresses: "
	    "write 'udp:*:53'" },
	{ "unix", NO_PORT },
	{ "app.sock", NO_PORT },
	{ "0.0.0.0,nodelay", NO_PORT },

	/* IPv6. */
	{ "::1:0", HOST ": write '[::1]:0'" },
	{ "::1", HOST ": write '[::1]:0'" },
	{ "::", NUMBER ": write '[::]:0'" },
	{ "::8080", HOST ": write '[::]:8080'" },
	{ ":::8080", HOST ": write '[::]:8080'" },
	{ "2001:db8::1:80", HOST ": write '[2001:db8::1]:80'" },
	{ "2001:db8::1", HOST ": write '[2001:db8::1]:0'" },
	{ "[::1", HOST },

	/* A name, a type of elsewhere, capitals. */
	{ "web:0", "'web' is neither a type nor a numeric host: write web=0"
	    NAMED },
	{ "http::8080", "'http' is neither a type nor a numeric host: "
	    "write http=8080" NAMED },
	{ "a-b_1:127.0.0.1:0", "'a-b_1' is neither a type nor a numeric host: "
	    "write a-b_1=127.0.0.1:0" NAMED },
	{ "any:0", "'any' is neither a type nor a numeric host: write '*:0'" },
	{ "tcp4:0", "'tcp4' is neither a type nor a numeric host: write "
	    "tcp:0" },
	{ "tcp6:0", "'tcp6' is neither a type nor a numeric host: write "
	    "'tcp:[::1]:0'" },
	{ "udp6:[::]:53", "'udp6' is neither a type nor a numeric host: write "
	    "'udp:[::]:53'" },
	{ "udp+tcp:53", "'udp+tcp' is neither a type nor a numeric host: "
	    "write tcp+udp:53" },
	{ "TCP:80", "'TCP' is neither a type nor a numeric host: write "
	    "tcp:80" },
	{ "FD:3", "'FD' is neither a type nor a numeric host: write fd:3" },
	{ "tcp:LOCALHOST:80", HOST ": write tcp:localhost:80" },
	{ "8080/tcp", NUMBER ": write tcp:8080" },
	{ "53/udp", NUMBER ": write udp:53" },
	{ "8080/x", NUMBER },
	{ "vsock:", "'vsock' is neither a type nor a numeric host: " TYPES },
	{ "vsock::80", "'vsock' is neither a type nor a numeric host: " TYPES },
	{ "a=sctp:80", "'sctp' is neither a type nor a numeric host: " TYPES },
	{ "a:b=80", "'a' is neither a type nor a numeric host" },
	{ "example.com:80", "'example.com' is neither a type nor a numeric "
	    "host" },
	{ "a=web:0", "'web' is neither a type nor a numeric host" },

	/* What is plain enough. */
	{ "99999", NUMBER },
	{ "8080-8090", NUMBER },
	{ "localhost:65536", NUMBER },
	{ "127.0.0.1:80:90", HOST },
	{ "tcp:example.com:80", HOST },
	{ "tcp:fd:3", HOST },
	{ "fd:2", "a descriptor is a number from 3" },
	{ "unix:", "the path is empty" },
	{ "/a,b=c", "unknown option 'b'" },
	{ "1,reuseport=1", "option 'reuseport' takes no value" },
};

START_TEST(explains)
{
	struct options options = { .specs = NULL };
	struct failure failure = { "" };
	char expected[256];

	snprintf(expected, sizeof(expected), "socket '%s': %s",
	    rows[_i].spec, rows[_i].said);
	ck_assert_int_eq(value_listen(&options, rows[_i].spec, &failure), -1);
	ck_assert_str_eq(failure.text, expected);
	options_free(&options);
}
END_TEST

/* Long ones, and one that was refused for another reason. */
START_TEST(leaves_alone)
{
	char spec[2000];
	struct failure failure = { "no" };
	int i;

	ck_assert_int_eq(spelling_explain("0", &failure), -1);
	ck_assert_str_eq(failure.text, "no");
	for (i = 300; i < (int)sizeof(spec); i++) {
		memset(spec, '1', (size_t)i);
		memcpy(spec, "tcp://a", 7);
		spec[i] = '\0';
		ck_assert_int_eq(spelling_explain(spec, &failure), -1);
	}
	ck_assert_str_eq(failure.text, "no");
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "explains", explains, LENGTH(rows) },
		{ "leaves alone", leaves_alone, 1 },
	};

	return run_units("spelling", units, LENGTH(units));
}
