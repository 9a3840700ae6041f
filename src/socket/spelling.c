/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "socket/spec.h"
#include "socket/spelling.h"

enum { TEXT_MAX = 512 };	/* bytes of a SPEC that is proposed */

/*
 * What an ADDRESS begins with, or is as a whole, and what to write instead.
 * The first row that makes a SPEC counts.
 */
static const struct row {
	char	typed[13];
	bool	whole;
	char	instead[11];	/* "-": there is nothing like it */
} rows[] = {
	{ "", true, "0" },
	{ "auto", true, "0" },
	{ "any", true, "0" },
	{ "random", true, "0" },
	{ "free", true, "0" },
	{ "dynamic", true, "0" },
	{ "ephemeral", true, "0" },
	{ "tcp://", false, "tcp:" },
	{ "udp://", false, "udp:" },
	{ "unix://", false, "unix:" },
	{ "http+unix://", false, "unix:" },
	{ "http://", false, "" },
	{ "https://", false, "" },
	{ "ws://", false, "" },
	{ "wss://", false, "" },
	{ "tcp4:", false, "tcp:" },
	{ "tcp6:", false, "tcp:[::1]:" },
	{ "tcp6:", false, "tcp:" },
	{ "udp4:", false, "udp:" },
	{ "udp6:", false, "udp:[::1]:" },
	{ "udp6:", false, "udp:" },
	{ "udp+tcp:", false, "tcp+udp:" },
	{ "any:", false, "*:" },
	{ "all:", false, "*:" },
	{ "vsock:", false, "-" },
	{ "sctp:", false, "-" },
	{ "mptcp:", false, "-" },
	{ "quic:", false, "udp:" },
	{ "", false, "" },
};

/* A SPEC in its parts: NAME=, ADDRESS with its type, and the options. */
struct parts {
	int		 name_length;
	const char	*address;
	int		 length;
	const char	*options;
};

static void
split(const char *spec, struct parts *parts)
{
	size_t length = strcspn(spec, "=/:,");

	parts->name_length = spec[length] == '=' ? (int)length + 1 : 0;
	parts->address = spec + parts->name_length;
	parts->length = (int)strcspn(parts->address, ",");
	parts->options = parts->address + parts->length;
}

static bool
is_ipv6(const char *text, size_t length)
{
	char host[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	return inet_pton(AF_INET6, host, &address) == 1;
}

/* An IPv6 address without brackets, with or without a port behind it. */
static void
add_brackets(const char *text, char *instead)
{
	const char *colon = strrchr(text, ':');
	int host = colon == NULL ? 0 : (int)(colon - text);

	instead[0] = '\0';
	if (host > 0 && colon[1] != '\0' && is_ipv6(text, (size_t)host))
		snprintf(instead, TEXT_MAX, "[%.*s]:%s", host, text,
		    colon + 1);
	else if (host == 1 && text[0] == ':' && strlen(colon + 1) > 1)
		snprintf(instead, TEXT_MAX, "[::]:%s", colon + 1);
	else if (is_ipv6(text, strlen(text)))
		snprintf(instead, TEXT_MAX, "[%s]:0", text);
}

static void
add_port(const char *text, char *instead)
{
	size_t length = strlen(text);

	snprintf(instead, TEXT_MAX, "%s%s", text,
	    length > 0 && text[length - 1] == ':' ? "0" : ":0");
}

/* ":8080" */
static void
add_host(const char *text, char *instead)
{
	const char *colon = strrchr(text, ':');

	instead[0] = '\0';
	if (colon != NULL && (colon == text || colon[-1] == ':'))
		snprintf(instead, TEXT_MAX, "%.*s*%s", (int)(colon - text),
		    text, colon);
}

/* "8080/udp" */
static void
move_type(const char *text, char *instead)
{
	const char *slash = strrchr(text, '/');

	instead[0] = '\0';
	if (slash != NULL)
		snprintf(instead, TEXT_MAX, "%s:%.*s", slash + 1,
		    (int)(slash - text), text);
}

/* Whether the length bytes of text are a word that means something here. */
static bool
is_taken(const char *text, size_t length)
{
	return words_have("fd,localhost,tcp,udp,unix,unixgram,unixpacket", text,
	    length);
}

/* "web:0" and "web::0" for a socket with a name. */
static void
move_name(const char *text, char *instead)
{
	size_t length = strcspn(text, ":"), i;
	const char *name = text;

	instead[0] = '\0';
	if (!isalpha((unsigned char)text[0]) || text[length] == '\0' ||
	    is_taken(text, length))
		return;
	for (i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' &&
		    text[i] != '_')
			return;
	text += length + (text[length + 1] == ':' ? 2 : 1);
	snprintf(instead, TEXT_MAX, "%.*s=%s", (int)length, name, text);
}

/* "TCP:80" */
static void
lower(const char *text, char *instead)
{
	size_t i;

	instead[0] = '\0';
	if (strchr(text, '/') != NULL || strlen(text) >= TEXT_MAX)
		return;
	for (i = 0; text[i] != '\0'; i++)
		instead[i] = (char)tolower((unsigned char)text[i]);
	instead[i] = '\0';
}

/* "http://localhost:8080/path" */
static void
cut_path(const char *text, char *instead)
{
	snprintf(instead, TEXT_MAX, "%.*s", (int)strcspn(text, "/"), text);
}

static void
keep(const char *text, char *instead)
{
	snprintf(instead, TEXT_MAX, "%s", text);
}

static const struct mending {
	void	(*mend)(const char *text, char *instead);
	bool	 of_names;	/* not where there is a name already */
	bool	 of_urls;
} mendings[] = {
	{ keep, false, false },
	{ lower, false, false },
	{ add_brackets, false, false },
	{ add_port, false, false },
	{ add_host, false, false },
	{ move_type, false, false },
	{ cut_path, false, true },
	{ move_name, true, false },
};

enum { MENDINGS = sizeof(mendings) / sizeof(mendings[0]) };

/* A path would be taken for nearly anything: only where unix was typed. */
static bool
is_spec(const char *text, bool is_path)
{
	struct spec members[SPEC_MEMBERS_MAX];
	struct failure ignored;

	return spec_parse(text, members, &ignored) != -1 &&
	    (is_path || members[0].address.any.sa_family != AF_UNIX);
}

/*
 * Tries what the row makes of the address.  Stores the SPEC in instead.
 * Returns what did it, or NULL.
 */
static const struct mending *
try_row(const struct parts *parts, const char *spec, const struct row *row,
    char instead[TEXT_MAX])
{
	size_t skip = strlen(row->typed);
	bool is_path = strncmp(row->instead, "unix", 4) == 0;
	bool is_url = strstr(row->typed, "://") != NULL;
	char text[TEXT_MAX], mended[TEXT_MAX];
	int i, whole;

	whole = snprintf(text, sizeof(text), "%s%.*s", row->instead,
	    parts->length - (int)skip, parts->address + skip);
	if (whole >= TEXT_MAX)
		return NULL;
	for (i = 0; i < MENDINGS; i++) {
		if ((mendings[i].of_names && parts->name_length > 0) ||
		    (mendings[i].of_urls && !is_url))
			continue;
		mendings[i].mend(text, mended);
		whole = snprintf(instead, TEXT_MAX, "%.*s%s%s",
		    parts->name_length, spec, mended, parts->options);
		if (mended[0] != '\0' && whole < TEXT_MAX &&
		    is_spec(instead, is_path))
			return &mendings[i];
	}
	return NULL;
}

int
spelling_explain(const char *spec, struct failure *failure)
{
	char instead[TEXT_MAX];
	const struct mending *mending;
	struct parts parts;
	const struct row *row;
	size_t i, length;
	const char *quote;

	/* The reason was no memory, say. */
	if (is_spec(spec, true))
		return -1;
	split(spec, &parts);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		row = &rows[i];
		length = strlen(row->typed);
		if ((int)length > parts.length || (row->whole &&
		    (int)length != parts.length) || strncasecmp(parts.address,
		    row->typed, length) != 0)
			continue;
		if (row->instead[0] == '-')
			return fail(failure, 0, "%s: there are tcp, udp and "
			    "unix sockets only", failure->text);
		mending = try_row(&parts, spec, row, instead);
		if (mending == NULL)
			continue;
		quote = strpbrk(instead, "*[ ") == NULL ? "" : "'";
		return fail(failure, 0, "%s: write %s%s%s%s", failure->text,
		    quote, instead, quote, mending->of_names ?
		    " for a socket of that name" : "");
	}
	return -1;
}
