/* SPDX-License-Identifier: ISC */
/* SPEC: what each becomes, and what is refused for which reason. */

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "socket/spec.h"
#include "unit.h"

enum { PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

static void
describe_address(FILE *output, const struct spec *spec)
{
	const union address *address = &spec->address;
	size_t start = offsetof(struct sockaddr_un, sun_path);
	char host[INET6_ADDRSTRLEN];

	switch (address->any.sa_family) {
	case AF_INET:
		ck_assert_uint_eq(spec->length, sizeof(address->in));
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof(host));
		if (spec->loopback)
			ck_assert_str_eq(host, "127.0.0.1");
		fprintf(output, "%s:%u", spec->loopback ? "loopback" : host,
		    address_port(address));
		break;
	case AF_INET6:
		ck_assert_uint_eq(spec->length, sizeof(address->in6));
		ck_assert_uint_eq(address->in6.sin6_scope_id, 0);
		fprintf(output, "[%s%s%s]:%u", inet_ntop(AF_INET6,
		    &address->in6.sin6_addr, host, sizeof(host)),
		    spec->interface[0] == '\0' ? "" : "%",
		    spec->interface, address_port(address));
		break;
	default:
		ck_assert_int_eq(address->any.sa_family, AF_UNIX);
		ck_assert_uint_eq(address_port(address), 0);
		if (spec->length == start)
			fputs("autobind", output);
		else if (address->un.sun_path[0] == '\0')
			fprintf(output, "@%.*s", (int)(spec->length -
			    start - 1), address->un.sun_path + 1);
		else {
			ck_assert_uint_eq(spec->length, start + 1 +
			    strlen(address->un.sun_path));
			fputs(address->un.sun_path, output);
		}
	}
}

/*
 * "NAME TYPE ADDRESS [any] [joined] [dispensable] [OPTION=VALUE]...".
 * "loopback" as ADDRESS is 127.0.0.1, or [::1] where that is missing.
 */
static void
describe(char *text, size_t size, const struct spec *spec)
{
	FILE *output = fmemopen(text, size, "w");
	int i;

	ck_assert_ptr_nonnull(output);
	if (spec->fd != 0) {
		fprintf(output, "%s descriptor %d", spec->name, spec->fd);
		fclose(output);
		return;
	}
	fprintf(output, "%s %s ", spec->name,
	    spec->type == SOCK_STREAM ? "stream" :
	    spec->type == SOCK_DGRAM ? "dgram" :
	    spec->type == SOCK_SEQPACKET ? "seqpacket" : "?");
	describe_address(output, spec);
	fprintf(output, "%s%s%s", spec->wildcard ? " any" : "",
	    spec->same_port ? " joined" : "",
	    spec->optional ? " dispensable" : "");
	for (i = 0; i < OPTION_COUNT; i++)
		if (spec->option[i] != -1)
			fprintf(output, " %s=%d", socket_options[i].name,
			    spec->option[i]);
	fclose(output);
}

static const struct {
	const char	*text;
	const char	*members[SPEC_MEMBERS_MAX + 1];
} accepted[] = {
	/* Ports and hosts. */
	{ "0", { "unknown stream loopback:0" } },
	{ "1", { "unknown stream loopback:1" } },
	{ "65535", { "unknown stream loopback:65535" } },
	{ "00080", { "unknown stream loopback:80" } },
	{ "127.0.0.1:0", { "unknown stream 127.0.0.1:0" } },
	{ "0.0.0.0:0", { "unknown stream 0.0.0.0:0" } },
	{ "127.0.0.2:8080", { "unknown stream 127.0.0.2:8080" } },
	{ "255.255.255.255:65535",
	    { "unknown stream 255.255.255.255:65535" } },
	{ "[::]:0", { "unknown stream [::]:0" } },
	{ "[::1]:65535", { "unknown stream [::1]:65535" } },
	{ "[0:0::0:1]:1", { "unknown stream [::1]:1" } },
	{ "[::ffff:127.0.0.1]:0", { "unknown stream [::ffff:127.0.0.1]:0" } },
	{ "[fe80::1%lo]:0", { "unknown stream [fe80::1%lo]:0" } },
	{ "[fe80::1%abcdefghijklmno]:0",
	    { "unknown stream [fe80::1%abcdefghijklmno]:0" } },
	{ "*:80", { "unknown stream [::]:80 any" } },

	/* Types. */
	{ "tcp:80", { "unknown stream loopback:80" } },
	{ "tcp:0.0.0.0:80", { "unknown stream 0.0.0.0:80" } },
	{ "tcp:[::1]:80", { "unknown stream [::1]:80" } },
	{ "udp:53", { "unknown dgram loopback:53" } },
	{ "udp:*:53", { "unknown dgram [::]:53 any" } },
	{ "unix:a", { "unknown stream a" } },
	{ "unixgram:/a", { "unknown dgram /a" } },
	{ "unixpacket:./a", { "unknown seqpacket ./a" } },

	/* Unix addresses, also without a type. */
	{ "/a", { "unknown stream /a" } },
	{ "/", { "unknown stream /" } },
	{ ".", { "unknown stream ." } },
	{ "./a", { "unknown stream ./a" } },
	{ "../a", { "unknown stream ../a" } },
	{ ".a", { "unknown stream .a" } },
	{ "@a", { "unknown stream @a" } },
	{ "@", { "unknown stream autobind" } },
	{ "@@", { "unknown stream @@" } },
	{ "unix:@a", { "unknown stream @a" } },
	{ "unixgram:@", { "unknown dgram autobind" } },
	{ "unix:8080", { "unknown stream 8080" } },
	{ "unix: a b", { "unknown stream  a b" } },

	/* What is open. */
	{ "fd:3", { "unknown descriptor 3" } },
	{ "fd:2147483647", { "unknown descriptor 2147483647" } },
	{ "fd:010", { "unknown descriptor 10" } },
	{ "web=fd:4", { "web descriptor 4" } },
	{ "fd=fd:4", { "fd descriptor 4" } },
	{ "fd=4", { "fd stream loopback:4" } },
	{ "unix:fd:4", { "unknown stream fd:4" } },

	/* What could be read in two ways. */
	{ "/tmp/a=b", { "unknown stream /tmp/a=b" } },
	{ "./a=b", { "unknown stream ./a=b" } },
	{ ".a=b", { "unknown stream .a=b" } },
	{ "@x=y", { "unknown stream @x=y" } },
	{ "unix:a=b", { "unknown stream a=b" } },
	{ "unix:a:b", { "unknown stream a:b" } },
	{ "/tmp/a:b", { "unknown stream /tmp/a:b" } },
	{ "/udp:53", { "unknown stream /udp:53" } },
	{ "@tcp:80", { "unknown stream @tcp:80" } },
	{ "8080,backlog=5", { "unknown stream loopback:8080 backlog=5" } },
	{ "*:0,backlog=5", { "unknown stream [::]:0 any backlog=5" } },
	{ "/a,mode=600", { "unknown stream /a mode=384" } },
	{ "/a=b,mode=600", { "unknown stream /a=b mode=384" } },
	{ "tcp=80", { "tcp stream loopback:80" } },
	{ "80=81", { "80 stream loopback:81" } },
	{ "udp=unix:a", { "udp stream a" } },
	{ "localhost=0", { "localhost stream loopback:0" } },
	{ "a=/tmp/a=b", { "a stream /tmp/a=b" } },
	{ "a=@b=c", { "a stream @b=c" } },
	{ "a=unix:b=c", { "a stream b=c" } },

	/* Names. */
	{ "web=0", { "web stream loopback:0" } },
	{ "web=udp:[::1]:0", { "web dgram [::1]:0" } },
	{ "a b=0", { "a b stream loopback:0" } },
	{ "~!<>{}=0", { "~!<>{} stream loopback:0" } },
	{ "a.@=0", { "a.@ stream loopback:0" } },

	/* Groups of two and of four. */
	{ "localhost:0", { "unknown stream loopback:0",
	    "unknown stream [::1]:0 joined dispensable" } },
	{ "l=udp:localhost:53", { "l dgram loopback:53",
	    "l dgram [::1]:53 joined dispensable" } },
	{ "tcp+udp:0", { "unknown stream loopback:0",
	    "unknown dgram loopback:0 joined" } },
	{ "dns=tcp+udp:[::1]:53", { "dns stream [::1]:53",
	    "dns dgram [::1]:53 joined" } },
	{ "tcp+udp:*:53", { "unknown stream [::]:53 any",
	    "unknown dgram [::]:53 any joined" } },
	{ "x=tcp+udp:localhost:7", { "x stream loopback:7",
	    "x stream [::1]:7 joined dispensable",
	    "x dgram loopback:7 joined",
	    "x dgram [::1]:7 joined dispensable" } },
	{ "localhost:0,v6only", { "unknown stream loopback:0",
	    "unknown stream [::1]:0 joined dispensable v6only=1" } },
	{ "tcp+udp:0,backlog=0,nonblock", {
	    "unknown stream loopback:0 backlog=0 nonblock=1",
	    "unknown dgram loopback:0 joined nonblock=1" } },
	{ "tcp+udp:localhost:0,backlog=9,v6only,rcvbuf=1", {
	    "unknown stream loopback:0 backlog=9 rcvbuf=1",
	    "unknown stream [::1]:0 joined dispensable backlog=9 v6only=1 "
	    "rcvbuf=1", "unknown dgram loopback:0 joined rcvbuf=1",
	    "unknown dgram [::1]:0 joined dispensable v6only=1 rcvbuf=1" } },

	/* Options: the ends of their ranges, and to what they apply. */
	{ "0,backlog=0", { "unknown stream loopback:0 backlog=0" } },
	{ "0,backlog=2147483647",
	    { "unknown stream loopback:0 backlog=2147483647" } },
	{ "0,backlog=007", { "unknown stream loopback:0 backlog=7" } },
	{ "unixpacket:a,backlog=1", { "unknown seqpacket a backlog=1" } },
	{ "0,reuseport", { "unknown stream loopback:0 reuseport=1" } },
	{ "udp:0,reuseport", { "unknown dgram loopback:0 reuseport=1" } },
	{ "[::]:0,v6only", { "unknown stream [::]:0 v6only=1" } },
	{ "udp:[::]:0,v6only", { "unknown dgram [::]:0 v6only=1" } },
	{ "@,nonblock", { "unknown stream autobind nonblock=1" } },
	{ "/a,mode=0", { "unknown stream /a mode=0" } },
	{ "/a,mode=777", { "unknown stream /a mode=511" } },
	{ "unixgram:a,mode=0660", { "unknown dgram a mode=432" } },
	{ "0,rcvbuf=1,sndbuf=1",
	    { "unknown stream loopback:0 rcvbuf=1 sndbuf=1" } },
	{ "0,sndbuf=2147483647",
	    { "unknown stream loopback:0 sndbuf=2147483647" } },
	{ "0,backlog=1,backlog=2",
	    { "unknown stream loopback:0 backlog=2" } },
	{ "0,nonblock,nonblock", { "unknown stream loopback:0 nonblock=1" } },
};

START_TEST(accepts)
{
	struct spec members[SPEC_MEMBERS_MAX];
	struct failure failure = { "" };
	char text[512];
	int i, count;

	count = spec_parse(accepted[_i].text, members, &failure);
	ck_assert_msg(count > 0, "%s: %s", accepted[_i].text, failure.text);
	for (i = 0; i < count; i++) {
		ck_assert_ptr_nonnull(accepted[_i].members[i]);
		describe(text, sizeof(text), &members[i]);
		ck_assert_str_eq(text, accepted[_i].members[i]);
		ck_assert_ptr_eq(members[i].text, accepted[_i].text);
	}
	ck_assert_ptr_null(accepted[_i].members[count]);
}
END_TEST

#define BAD_PORT	"the port is not a number from 0 to 65535"
#define NO_PORT		"there is no port, and a path begins with"
#define BAD_HOST	"the host is not numeric, '*' or localhost"
#define BAD_IPV6	"not an IPv6 address in brackets"
#define BAD_FD		"a descriptor is a number from 3"
#define BAD_NAME	"a name is printable ASCII"
#define BAD_BACKLOG	"option 'backlog' takes a number from 0 to 2147483647"
#define BAD_RCVBUF	"option 'rcvbuf' takes a number from 1 to 2147483647"
#define BAD_SNDBUF	"option 'sndbuf' takes a number from 1 to 2147483647"
#define BAD_MODE	"option 'mode' takes an octal number from 0 to 777"

static const struct { const char *spec, *reason; } refused[] = {
	/* Ports. */
	{ "", NO_PORT },
	{ "65536", BAD_PORT },
	{ "4294967296", BAD_PORT },
	{ "18446744073709551616", BAD_PORT },
	{ "-1", BAD_PORT },
	{ "+80", BAD_PORT },
	{ " 80", BAD_PORT },
	{ "80 ", BAD_PORT },
	{ "80\n", BAD_PORT },
	{ "0x50", BAD_PORT },
	{ "8o", BAD_PORT },
	{ "http", NO_PORT },
	{ "localhost", NO_PORT },
	{ "*", NO_PORT },
	{ "127.0.0.1", NO_PORT },
	{ "127.0.0.1:", BAD_PORT },
	{ "127.0.0.1:65536", BAD_PORT },
	{ "127.0.0.1:-1", BAD_PORT },
	{ "127.0.0.1:+1", BAD_PORT },
	{ "127.0.0.1: 1", BAD_PORT },
	{ "localhost:", BAD_PORT },
	{ "localhost:65536", BAD_PORT },
	{ "*:", BAD_PORT },
	{ "[::1]", NO_PORT },
	{ "[::1]:", BAD_PORT },
	{ "tcp:", NO_PORT },
	{ "udp:", NO_PORT },
	{ "tcp+udp:", NO_PORT },
	{ "tcp:@a", "a path is for unix, unixgram" },
	{ "udp:./a", "a path is for unix, unixgram" },
	{ "web=", NO_PORT },
	{ "a/b=80", BAD_PORT },
	{ "a,b=80", NO_PORT },
	{ "a=b=80", BAD_PORT },

	/* Hosts. */
	{ ":80", "the host is missing" },
	{ "::1:80", BAD_HOST },
	{ "127.0.0:80", BAD_HOST },
	{ "127.0.0.256:80", BAD_HOST },
	{ "127.0.0.1.1:80", BAD_HOST },
	{ "127.0.0.1:80:90", BAD_HOST },
	{ " 127.0.0.1:80", BAD_HOST },
	{ "tcp:example.com:80", BAD_HOST },
	{ "udp:tcp:80", BAD_HOST },
	{ "tcp:LOCALHOST:80", BAD_HOST },
	{ "**:80", BAD_HOST },
	{ "[:80", BAD_HOST },
	{ "[::1:80", BAD_HOST },
	{ "[]:80", BAD_IPV6 },
	{ "[127.0.0.1]:80", BAD_IPV6 },
	{ "[::1::]:80", BAD_IPV6 },
	{ "[localhost]:80", BAD_IPV6 },
	{ "[%lo]:80", BAD_IPV6 },
	{ "[fe80::1%]:80", "no such interface" },
	{ "[fe80::1%abcdefghijklmnop]:80", "no such interface" },

	/* Types. */
	{ "sctp:80", "'sctp' is neither a type" },
	{ "TCP:80", "'TCP' is neither a type" },
	{ "tcp+:80", "'tcp+' is neither a type" },
	{ "tc:80", "'tc' is neither a type" },
	{ "udp+tcp:80", "'udp+tcp' is neither a type" },
	{ "a:b=80", "'a' is neither a type" },
	{ "example.com:80", "'example.com' is neither a type" },
	{ "a=sctp:80", "'sctp' is neither a type" },

	/* What is open. */
	{ "fd:", BAD_FD },
	{ "fd:0", BAD_FD },
	{ "fd:2", BAD_FD },
	{ "a=fd:1", BAD_FD },
	{ "fd:-3", BAD_FD },
	{ "fd:+3", BAD_FD },
	{ "fd: 3", BAD_FD },
	{ "fd:3 ", BAD_FD },
	{ "fd:3x", BAD_FD },
	{ "fd:2147483648", BAD_FD },
	{ "fd:127.0.0.1:3", BAD_FD },
	{ "fd:x,nonblock", BAD_FD },
	{ "fd:3,nonblock", "a socket that is open takes no options" },
	{ "a=fd:3,backlog=7", "a socket that is open takes no options" },
	{ "fd:3,", "a socket that is open takes no options" },
	{ "FD:3", "'FD' is neither a type" },
	{ "tcp:fd:3", BAD_HOST },

	/* Unix addresses. */
	{ "unix:", "the path is empty" },
	{ "unixgram:", "the path is empty" },
	{ "a=unixpacket:,nonblock", "the path is empty" },

	/* Names. */
	{ "=80", "the name is empty" },
	{ "=", "the name is empty" },
	{ "a\\b=80", BAD_NAME },
	{ "a\tb=80", BAD_NAME },
	{ "a\nb=80", BAD_NAME },
	{ "\177=80", BAD_NAME },
	{ "\xc3\xa9=80", BAD_NAME },

	/* Options: unknown, and each with a bad value. */
	{ "0,", "unknown option ''" },
	{ "0,,nonblock", "unknown option ''" },
	{ "0,nonblock,", "unknown option ''" },
	{ "0,Backlog=1", "unknown option 'Backlog'" },
	{ "0,back", "unknown option 'back'" },
	{ "0, nonblock", "unknown option ' nonblock'" },
	{ "0,=1", "unknown option ''" },
	{ "0,backlog", BAD_BACKLOG },
	{ "0,backlog=", BAD_BACKLOG },
	{ "0,backlog=-1", BAD_BACKLOG },
	{ "0,backlog=2147483648", BAD_BACKLOG },
	{ "0,backlog=99999999999999999999", BAD_BACKLOG },
	{ "0,backlog= 1", BAD_BACKLOG },
	{ "0,backlog=1 ", BAD_BACKLOG },
	{ "0,backlog=+1", BAD_BACKLOG },
	{ "0,backlog=1=2", BAD_BACKLOG },
	{ "0,backlog=x", BAD_BACKLOG },
	{ "/a,mode", BAD_MODE },
	{ "/a,mode=", BAD_MODE },
	{ "/a,mode=-1", BAD_MODE },
	{ "/a,mode=1000", BAD_MODE },
	{ "/a,mode=77777777777777777777777", BAD_MODE },
	{ "/a,mode= 600", BAD_MODE },
	{ "/a,mode=+600", BAD_MODE },
	{ "/a,mode=608", BAD_MODE },
	{ "/a,mode=0x1", BAD_MODE },
	{ "/a,mode=u+r", BAD_MODE },
	{ "0,rcvbuf", BAD_RCVBUF },
	{ "0,rcvbuf=", BAD_RCVBUF },
	{ "0,rcvbuf=0", BAD_RCVBUF },
	{ "0,rcvbuf=-1", BAD_RCVBUF },
	{ "0,rcvbuf=2147483648", BAD_RCVBUF },
	{ "0,rcvbuf= 1", BAD_RCVBUF },
	{ "0,rcvbuf=+1", BAD_RCVBUF },
	{ "0,sndbuf", BAD_SNDBUF },
	{ "0,sndbuf=", BAD_SNDBUF },
	{ "0,sndbuf=0", BAD_SNDBUF },
	{ "0,sndbuf=-1", BAD_SNDBUF },
	{ "0,sndbuf=4294967297", BAD_SNDBUF },
	{ "0,sndbuf= 1", BAD_SNDBUF },
	{ "0,sndbuf=+1", BAD_SNDBUF },
	{ "0,reuseport=1", "option 'reuseport' takes no value" },
	{ "0,reuseport=", "option 'reuseport' takes no value" },
	{ "[::]:0,v6only=0", "option 'v6only' takes no value" },
	{ "0,nonblock=yes", "option 'nonblock' takes no value" },

	/* Options that the socket cannot have. */
	{ "udp:0,backlog=1", "option 'backlog' is for a socket that listens" },
	{ "unixgram:a,backlog=1", "option 'backlog' is for a socket that" },
	{ "/a,reuseport", "option 'reuseport' is for tcp and udp" },
	{ "0,v6only", "option 'v6only' is for an IPv6 address" },
	{ "*:0,v6only", "option 'v6only' is for an IPv6 address" },
	{ "/a,v6only", "option 'v6only' is for an IPv6 address" },
	{ "0,mode=600", "option 'mode' is for a unix path" },
	{ "@a,mode=600", "option 'mode' is for a unix path" },
	{ "@,mode=600", "option 'mode' is for a unix path" },
};

START_TEST(refuses)
{
	struct spec members[SPEC_MEMBERS_MAX];
	struct failure failure = { "" };

	ck_assert_int_eq(spec_parse(refused[_i].spec, members, &failure),
	    -1);
	ck_assert_msg(strncmp(failure.text, "socket '", 8) == 0 &&
	    strstr(failure.text, refused[_i].reason) != NULL, "%s: %s",
	    refused[_i].spec, failure.text);
	ck_assert_ptr_null(strchr(failure.text, '\n'));
}
END_TEST

/* prefix, as many bytes as make the measured part length long, suffix. */
static const struct {
	const char	*prefix;
	int		 length;
	const char	*suffix, *reason;	/* NULL: accepted */
} lengths[] = {
	{ "", 1, "=0", NULL },
	{ "", SPEC_NAME_MAX, "=0", NULL },
	{ "", SPEC_NAME_MAX + 1, "=0", "longer than 255 characters" },
	{ "", 5000, "=0", "longer than 255 characters" },
	{ "unix:", PATH_MAX_BYTES, "", NULL },
	{ "unix:", PATH_MAX_BYTES, ",mode=600", NULL },
	{ "unix:", PATH_MAX_BYTES + 1, "", "longer than 107 bytes" },
	{ "unixgram:/", PATH_MAX_BYTES - 1, "", NULL },
	{ "unixgram:/", PATH_MAX_BYTES, "", "longer than 107 bytes" },
	{ "/", PATH_MAX_BYTES, "", "longer than 107 bytes" },
	{ "@", PATH_MAX_BYTES - 1, "", NULL },
	{ "@", PATH_MAX_BYTES, "", "longer than 107 bytes" },
	{ "/", 5000, "", "longer than 107 bytes" },
};

START_TEST(limits_names_and_paths)
{
	struct spec members[SPEC_MEMBERS_MAX];
	struct failure failure = { "" };
	char spec[6000];
	size_t start, length = (size_t)lengths[_i].length;
	int count;

	start = (size_t)snprintf(spec, sizeof(spec), "%s", lengths[_i].prefix);
	memset(spec + start, 'x', length);
	snprintf(spec + start + length, sizeof(spec) - start - length, "%s",
	    lengths[_i].suffix);
	count = spec_parse(spec, members, &failure);
	if (lengths[_i].reason != NULL) {
		ck_assert_int_eq(count, -1);
		ck_assert_msg(strstr(failure.text, lengths[_i].reason) != NULL,
		    "%s", failure.text);
		return;
	}
	ck_assert_msg(count == 1, "%s", failure.text);
	if (start == 0)
		ck_assert_uint_eq(strlen(members[0].name), length);
	else
		ck_assert_uint_eq(members[0].length, length +
		    offsetof(struct sockaddr_un, sun_path) +
		    (spec[0] == '@' ? 1 : 1 + (spec[start - 1] == '/')));
}
END_TEST

START_TEST(sets_the_port_of_ip_addresses_only)
{
	union address address;

	memset(&address, 0, sizeof(address));
	address.any.sa_family = AF_INET;
	address_set_port(&address, 65535);
	ck_assert_uint_eq(address_port(&address), 65535);
	ck_assert_uint_eq(address.in.sin_port, 0xffff);
	address_set_port(&address, 0x1234);
	ck_assert_uint_eq(address.in.sin_port, htons(0x1234));
	address.any.sa_family = AF_INET6;
	address_set_port(&address, 1);
	ck_assert_uint_eq(address_port(&address), 1);
	ck_assert_uint_eq(address.in6.sin6_port, htons(1));
	memset(&address, 0, sizeof(address));
	address.any.sa_family = AF_UNIX;
	address_set_port(&address, 80);
	ck_assert_uint_eq(address_port(&address), 0);
	ck_assert_int_eq(address.un.sun_path[0], '\0');
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "accepted", accepts, LENGTH(accepted) },
		{ "refused", refuses, LENGTH(refused) },
		{ "lengths", limits_names_and_paths, LENGTH(lengths) },
		{ "ports", sets_the_port_of_ip_addresses_only, 1 },
	};

	return run_units("spec", units, LENGTH(units));
}
