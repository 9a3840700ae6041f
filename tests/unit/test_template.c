/* SPDX-License-Identifier: ISC */
/* Placeholders: every rule of what is one and what stands for itself. */

#include <stdio.h>
#include <string.h>

#include "handoff/template.h"
#include "unit.h"

/* A TCP socket, an IPv6 one, two unix ones, and names that mislead. */
static struct listener sockets[] = {
	{ .name = "web", .port = 8080, .host = "127.0.0.1",
	    .addr = "127.0.0.1:8080" },
	{ .name = "six", .port = 4711, .host = "::1", .addr = "[::1]:4711" },
	{ .name = "ctl", .addr = "/run/ctl" },
	{ .name = "0", .port = 65535, .host = "0.0.0.0",
	    .addr = "0.0.0.0:65535" },
	{ .name = "web", .port = 1, .host = "h", .addr = "h:1" },
	{ .name = "a b.c", .port = 2, .host = "i", .addr = "i:2" },
	{ .name = "7" },		/* unnamed unix: no path */
	{ .name = "port", .port = 3, .host = "j", .addr = "j:3" },
};

static const struct listeners listeners = { sockets, LENGTH(sockets) };

/* The text has a length where it contains NULs; 0: all of it. */
static const struct {
	const char	*text, *result;
	size_t		 length, result_length;
} expanded[] = {
	{ .text = "", .result = "" },
	{ .text = "a", .result = "a" },

	/* The four words, both spellings, alone and in company. */
	{ .text = "<port>", .result = "8080" },
	{ .text = "<host>", .result = "127.0.0.1" },
	{ .text = "<addr>", .result = "127.0.0.1:8080" },
	{ .text = "<fd>", .result = "3" },
	{ .text = "{port}", .result = "8080" },
	{ .text = "{host}", .result = "127.0.0.1" },
	{ .text = "{addr}", .result = "127.0.0.1:8080" },
	{ .text = "{fd}", .result = "3" },
	{ .text = "<fd>;", .result = "3;" },
	{ .text = "fd://{fd}", .result = "fd://3" },
	{ .text = "<addr>=<fd>", .result = "127.0.0.1:8080=3" },
	{ .text = "--port=<port>", .result = "--port=8080" },
	{ .text = "http://{addr:six}/", .result = "http://[::1]:4711/" },
	{ .text = "<port><port>{fd}{fd}", .result = "8080808033" },
	{ .text = "{port}{port}", .result = "80808080" },
	{ .text = "<port>\n<port>\n", .result = "8080\n8080\n" },

	/* Selectors: names, numbers, a name before a number. */
	{ .text = "<port:web>", .result = "8080" },
	{ .text = "{port:six}", .result = "4711" },
	{ .text = "<host:six>", .result = "::1" },
	{ .text = "<fd:ctl>", .result = "5" },
	{ .text = "{addr:ctl}", .result = "/run/ctl" },
	{ .text = "<port:1>", .result = "4711" },
	{ .text = "<port:001>", .result = "4711" },
	{ .text = "<addr:2>", .result = "/run/ctl" },
	{ .text = "<port:0>", .result = "65535" },
	{ .text = "<fd:0>", .result = "6" },
	{ .text = "<port:4>", .result = "1" },
	{ .text = "<fd:7>", .result = "9" },	/* by name: the seventh */
	{ .text = "<port:07>", .result = "3" },
	{ .text = "<fd:6>", .result = "9" },
	{ .text = "<port:00>", .result = "8080" },
	{ .text = "<port:a b.c>", .result = "2" },
	{ .text = "<port:port>", .result = "3" },

	/* Doubled brackets. */
	{ .text = "{{port}}", .result = "{port}" },
	{ .text = "<<port>>", .result = "<port>" },
	{ .text = "{{fd}} {{host}} {{addr}}", .result = "{fd} {host} {addr}" },
	{ .text = "<<addr:web>>", .result = "<addr:web>" },
	{ .text = "{{port:nobody}}", .result = "{port:nobody}" },
	{ .text = "<<port:9>>", .result = "<port:9>" },
	{ .text = "{{html}}", .result = "{{html}}" },
	{ .text = "<<html>>", .result = "<<html>>" },
	{ .text = "{{port}", .result = "{{port}" },
	{ .text = "{{port", .result = "{{port" },
	{ .text = "{port}}", .result = "8080}" },
	{ .text = "<port>>", .result = "8080>" },
	{ .text = "<<port>", .result = "<8080" },
	{ .text = "{{port>>", .result = "{{port>>" },
	{ .text = "{<port>}", .result = "{8080}" },
	{ .text = "<{port}>", .result = "<8080>" },
	{ .text = "{{{port}}}", .result = "{{{port}}}" },
	{ .text = "{{port}}{port}", .result = "{port}8080" },

	/* A brace, but no angle, after one of five characters. */
	{ .text = "${port}", .result = "${port}" },
	{ .text = "%{port}", .result = "%{port}" },
	{ .text = "@{port}", .result = "@8080" },
	{ .text = "{host}@{port}", .result = "127.0.0.1@8080" },
	{ .text = "#{port}", .result = "#{port}" },
	{ .text = "{{port} ", .result = "{{port} " },
	{ .text = "\\{port}", .result = "\\{port}" },
	{ .text = "${{port}}", .result = "${{port}}" },
	{ .text = "$${port}", .result = "$${port}" },
	{ .text = "$ {port}", .result = "$ 8080" },
	{ .text = "${port:nobody}", .result = "${port:nobody}" },
	{ .text = "%{host}i %{fd:9}", .result = "%{host}i %{fd:9}" },
	{ .text = "${port}{port}", .result = "${port}8080" },
	{ .text = "$<port>%<port>@<port>#<port>\\<port>",
	    .result = "$8080%8080@8080#8080\\8080" },
	{ .text = "&{port}!{port}^{port}`{port}",
	    .result = "&8080!8080^8080`8080" },
	{ .text = "\"{port}\"'{port}'", .result = "\"8080\"'8080'" },
	{ .text = "}{port}", .result = "}8080" },

	/* XML: a text with the end tag has an element of that name. */
	{ .text = "<port>80</port>", .result = "<port>80</port>" },
	{ .text = "<a><host>h</host><port>{port}</port></a>",
	    .result = "<a><host>h</host><port>8080</port></a>" },
	{ .text = "<addr></addr><fd></fd><port>",
	    .result = "<addr></addr><fd></fd>8080" },
	{ .text = "</port><port>", .result = "</port><port>" },
	{ .text = "<port><</port>", .result = "<port><</port>" },
	{ .text = "<port/><port></ports>", .result = "<port/>8080</ports>" },
	{ .text = "<port></port", .result = "8080</port" },
	{ .text = "<port></port></", .result = "<port></port></" },
	{ .text = "<port:six></port>", .result = "4711</port>" },
	{ .text = "<<port>></port>", .result = "<port></port>" },
	{ .text = "<port></PORT></port >", .result = "8080</PORT></port >" },
	{ .text = "<port>\0</port>", .result = "<port>\0</port>",
	    .length = 14, .result_length = 14 },

	/* Unknown words, and what is not quite a known one. */
	{ .text = "<html>", .result = "<html>" },
	{ .text = "{id}", .result = "{id}" },
	{ .text = "{id:web}", .result = "{id:web}" },
	{ .text = "<ports>", .result = "<ports>" },
	{ .text = "<por>", .result = "<por>" },
	{ .text = "<PORT>", .result = "<PORT>" },
	{ .text = "<Port>", .result = "<Port>" },
	{ .text = "< port>", .result = "< port>" },
	{ .text = "<port >", .result = "<port >" },
	{ .text = "<>", .result = "<>" },
	{ .text = "{}", .result = "{}" },
	{ .text = "<port}", .result = "<port}" },
	{ .text = "{port>", .result = "{port>" },
	{ .text = "<port:web}", .result = "<port:web}" },
	{ .text = "[port](port)", .result = "[port](port)" },
	{ .text = "</port>", .result = "</port>" },
	{ .text = "<hostname>{address}", .result = "<hostname>{address}" },
	{ .text = "<html><port></html>", .result = "<html>8080</html>" },
	{ .text = "<a<port>", .result = "<a8080" },
	{ .text = "<port<port>", .result = "<port8080" },
	{ .text = "{\"port\": {port}}", .result = "{\"port\": 8080}" },

	/* What cannot be a socket's name. */
	{ .text = "<port:>", .result = "<port:>" },
	{ .text = "<port:a:b>", .result = "<port:a:b>" },
	{ .text = "<port:a=b>", .result = "<port:a=b>" },
	{ .text = "<port:a/b>", .result = "<port:a/b>" },
	{ .text = "<port:a,b>", .result = "<port:a,b>" },
	{ .text = "<port:a\\b>", .result = "<port:a\\b>" },
	{ .text = "<port:a\nb>", .result = "<port:a\nb>" },
	{ .text = "<port::web>", .result = "<port::web>" },

	/* The text ends in the middle of a placeholder. */
	{ .text = "<", .result = "<" },
	{ .text = "{", .result = "{" },
	{ .text = "<p", .result = "<p" },
	{ .text = "<port", .result = "<port" },
	{ .text = "<port:", .result = "<port:" },
	{ .text = "<port:w", .result = "<port:w" },
	{ .text = "<port:web", .result = "<port:web" },
	{ .text = "<<", .result = "<<" },
	{ .text = "<<port", .result = "<<port" },
	{ .text = "{{port:web}", .result = "{{port:web}" },
	{ .text = "<fd", .result = "<fd" },
	{ .text = "a$", .result = "a$" },
	{ .text = "<port>", .length = 5, .result = "<port" },
	{ .text = "<port:web>", .length = 6, .result = "<port:" },
	{ .text = "<port:web>", .length = 9, .result = "<port:web" },
	{ .text = "<<port>>", .length = 7, .result = "<8080" },
	{ .text = "{{port}}", .length = 7, .result = "{{port}" },
	{ .text = "<port>", .length = 1, .result = "<" },

	/* NULs. */
	{ .text = "\0", .length = 1, .result = "\0", .result_length = 1 },
	{ .text = "a\0<port>", .length = 8, .result = "a\0" "8080",
	    .result_length = 6 },
	{ .text = "\0{port}\0", .length = 8, .result = "\0" "8080\0",
	    .result_length = 6 },
	{ .text = "<\0port>", .length = 7, .result = "<\0port>",
	    .result_length = 7 },
	{ .text = "<po\0rt>", .length = 7, .result = "<po\0rt>",
	    .result_length = 7 },
	{ .text = "<port\0>", .length = 7, .result = "<port\0>",
	    .result_length = 7 },
	{ .text = "<port:\0>", .length = 8, .result = "<port:\0>",
	    .result_length = 8 },
	{ .text = "<port:web\0>", .length = 11, .result = "<port:web\0>",
	    .result_length = 11 },
};

/* A copy without a NUL after it: reading on is seen by ASan and valgrind. */
static char *
copy_exactly(const char *text, size_t length)
{
	char *copy = malloc(length == 0 ? 1 : length);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, length);
	return copy;
}

START_TEST(expands)
{
	size_t wanted, got, length = expanded[_i].length;
	struct failure failure = { "" };
	char *copy, *result;

	if (length == 0)
		length = strlen(expanded[_i].text);
	wanted = expanded[_i].result_length;
	if (wanted == 0)
		wanted = strlen(expanded[_i].result);
	copy = copy_exactly(expanded[_i].text, length);
	ck_assert_msg(template_expand(copy, length, &listeners,
	    AUDIENCE_WITH_FDS, &result, &got, &failure) == 0, "%s: %s",
	    expanded[_i].text, failure.text);
	free(copy);
	ck_assert_msg(got == wanted &&
	    memcmp(result, expanded[_i].result, wanted) == 0, "%s: %s",
	    expanded[_i].text, result);
	ck_assert_int_eq(result[got], '\0');
	free(result);
}
END_TEST

static const struct {
	const char	*text;
	bool		 reserve;	/* else descriptors are given */
	const char	*reason;
} refused[] = {
	{ "<port:nobody>", false, "<port:nobody>: there is no such socket" },
	{ "a {fd:nobody} b", false, "{fd:nobody}: there is no such socket" },
	{ "<port:8>", false, "<port:8>: there is no such socket" },
	{ "<port:-1>", false, "<port:-1>: there is no such socket" },
	{ "<port:+1>", false, "<port:+1>: there is no such socket" },
	{ "<port: 1>", false, "<port: 1>: there is no such socket" },
	{ "<port:1 >", false, "<port:1 >: there is no such socket" },
	{ "<port:1x>", false, "<port:1x>: there is no such socket" },
	{ "<port:WEB>", false, "<port:WEB>: there is no such socket" },
	{ "<port:we>", false, "<port:we>: there is no such socket" },
	{ "<port:webs>", false, "<port:webs>: there is no such socket" },
	{ "<port:18446744073709551617>", false,
	    "<port:18446744073709551617>: there is no such socket" },
	{ "{port: 8080}", false, "{port: 8080}: there is no such socket" },
	{ "<port:<port>>", false, "<port:<port>: there is no such socket" },
	{ "<port:ctl>", false, "<port:ctl>: /run/ctl is a unix socket" },
	{ "{host:ctl}", false, "{host:ctl}: /run/ctl is a unix socket" },
	{ "<port:2>", false, "<port:2>: /run/ctl is a unix socket" },
	{ "<addr:6>", false, "<addr:6>: the socket has no address" },
	{ "<port:6>", false, "<port:6>: the socket has no address" },
	{ "<host:7>", false, "<host:7>: the socket has no address" },
	{ "<port><port:nobody>", false, "<port:nobody>: there is no such" },
	{ "<fd>", true, "<fd>: the service gets no descriptor" },
	{ "x{fd:six}", true, "{fd:six}: the service gets no" },
	{ "<fd:nobody>", true, "<fd:nobody>: there is no such socket" },
};

START_TEST(refuses)
{
	struct failure failure = { "" };
	char *result = failure.text;

	ck_assert_int_eq(template_expand(refused[_i].text,
	    strlen(refused[_i].text), &listeners, refused[_i].reserve ?
	    AUDIENCE_WITHOUT_FDS : AUDIENCE_WITH_FDS, &result, NULL,
	    &failure), -1);
	ck_assert_ptr_null(result);
	ck_assert_msg(strncmp(failure.text, refused[_i].reason,
	    strlen(refused[_i].reason)) == 0, "%s", failure.text);
}
END_TEST

START_TEST(knows_the_other_words_under_reserve)
{
	struct failure failure = { "" };
	char *result;

	ck_assert_int_eq(template_expand("<port> <host> <addr> <<fd>> ${fd}",
	    33, &listeners, AUDIENCE_WITHOUT_FDS, &result, NULL, &failure), 0);
	ck_assert_str_eq(result, "8080 127.0.0.1 127.0.0.1:8080 <fd> ${fd}");
	free(result);
}
END_TEST

START_TEST(knows_standard_input)
{
	struct failure failure = { "" };
	char *result;

	ck_assert_int_eq(template_expand("<fd> {fd:0} <port>", 18, &listeners,
	    AUDIENCE_INETD, &result, NULL, &failure), 0);
	ck_assert_str_eq(result, "0 0 8080");
	free(result);
}
END_TEST

START_TEST(needs_a_socket)
{
	const struct listeners none = { NULL, 0 };
	struct failure failure = { "" };
	char *result;

	ck_assert_int_eq(template_expand("<port>", 6, &none,
	    AUDIENCE_WITH_FDS, &result, NULL, &failure), -1);
	ck_assert_str_eq(failure.text, "<port>: there is no such socket");
	ck_assert_int_eq(template_expand("<port:0>", 8, &none,
	    AUDIENCE_WITH_FDS, &result, NULL, &failure), -1);
	ck_assert_int_eq(template_expand("<<port>>", 8, &none,
	    AUDIENCE_WITH_FDS, &result, NULL, &failure), 0);
	ck_assert_str_eq(result, "<port>");
	free(result);
}
END_TEST

/* Much longer than any buffer: nothing is lost at its ends. */
START_TEST(expands_a_long_text)
{
	const size_t count = 20000;
	char *text = malloc(count * 6), *result;
	struct failure failure = { "" };
	size_t length, i;

	ck_assert_ptr_nonnull(text);
	for (i = 0; i < count * 6; i++)
		text[i] = "<port>"[i % 6];
	ck_assert_int_eq(template_expand(text, count * 6, &listeners,
	    AUDIENCE_WITH_FDS, &result, &length, &failure), 0);
	ck_assert_uint_eq(length, count * 4);
	for (i = 0; i < length; i++)
		ck_assert_int_eq(result[i], "8080"[i % 4]);
	free(result);
	free(text);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "expanded", expands, LENGTH(expanded) },
		{ "refused", refuses, LENGTH(refused) },
		{ "reserve", knows_the_other_words_under_reserve, 1 },
		{ "inetd", knows_standard_input, 1 },
		{ "no socket", needs_a_socket, 1 },
		{ "long", expands_a_long_text, 1 },
	};

	return run_units("template", units, LENGTH(units));
}
