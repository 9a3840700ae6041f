/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "socket/spec.h"

enum {
	APPLIES_QUEUE = 1,	/* sockets that listen */
	APPLIES_IP = 2,
	APPLIES_IPV6 = 4,
	APPLIES_PATH = 8,
	APPLIES_ALWAYS = 16
};

const struct socket_option socket_options[OPTION_COUNT] = {
	[OPTION_BACKLOG] = { "backlog", "N",
	    "length of the queue (default: the kernel's limit)",
	    0, INT_MAX, APPLIES_QUEUE, "a socket that listens" },
	[OPTION_REUSEPORT] = { "reuseport", "",
	    "set SO_REUSEPORT", 1, 1, APPLIES_IP, "tcp and udp" },
	[OPTION_V6ONLY] = { "v6only", "",
	    "IPv6 only", 1, 1, APPLIES_IPV6, "an IPv6 address" },
	[OPTION_NONBLOCK] = { "nonblock", "",
	    "set O_NONBLOCK", 1, 1, APPLIES_ALWAYS, "" },
	[OPTION_MODE] = { "mode", "OCTAL",
	    "permissions of a unix path (default: 0600)",
	    0, 0777, APPLIES_PATH, "a unix path" },
	[OPTION_RCVBUF] = { "rcvbuf", "N",
	    "SO_RCVBUF in bytes", 1, INT_MAX, APPLIES_ALWAYS, "" },
	[OPTION_SNDBUF] = { "sndbuf", "N",
	    "SO_SNDBUF in bytes", 1, INT_MAX, APPLIES_ALWAYS, "" },
};

static const struct transport {
	char	name[11];
	int	family;		/* AF_UNIX; AF_INET: IPv4 and IPv6 */
	int	types[2];	/* SOCK_*; the second may be 0: none */
} transports[] = {
	{ "tcp", AF_INET, { SOCK_STREAM } },
	{ "udp", AF_INET, { SOCK_DGRAM } },
	{ "tcp+udp", AF_INET, { SOCK_STREAM, SOCK_DGRAM } },
	{ "unix", AF_UNIX, { SOCK_STREAM } },
	{ "unixgram", AF_UNIX, { SOCK_DGRAM } },
	{ "unixpacket", AF_UNIX, { SOCK_SEQPACKET } },
};

bool
spec_is_tcp(const struct spec *spec)
{
	return spec->type == SOCK_STREAM &&
	    spec->address.any.sa_family != AF_UNIX;
}

/* Takes digits only: strtol(3) and strtonum(3) allow blanks and signs. */
static int
parse_number(const char *text, int base, int minimum, int maximum,
    int *number)
{
	const char *digits = base == 8 ? "01234567" : "0123456789";
	long long value = 0;

	if (*text == '\0' || text[strspn(text, digits)] != '\0')
		return -1;
	for (; *text != '\0'; text++) {
		value = value * base + (*text - '0');
		if (value > maximum)
			return -1;
	}
	if (value < minimum)
		return -1;
	*number = (int)value;
	return 0;
}

static int
parse_name(struct spec *spec, const char *name, size_t length,
    struct failure *failure)
{
	size_t i;

	if (length == 0)
		return fail(failure, 0, "socket '%s': the name is empty",
		    spec->text);
	if (length > SPEC_NAME_MAX)
		return fail(failure, 0, "socket '%s': the name is longer than "
		    "%d characters", spec->text, SPEC_NAME_MAX);
	for (i = 0; i < length; i++)
		if (name[i] < ' ' || name[i] > '~' || name[i] == '\\')
			return fail(failure, 0, "socket '%s': a name is "
			    "printable ASCII without ':', '=', '/', ',' and "
			    "'\\'", spec->text);
	memcpy(spec->name, name, length);
	spec->name[length] = '\0';
	return 0;
}

static int
parse_unix(struct spec *spec, const char *text, struct failure *failure)
{
	struct sockaddr_un *un = &spec->address.un;
	size_t length = strlen(text);

	un->sun_family = AF_UNIX;
	if (length == 0)
		return fail(failure, 0, "socket '%s': the path is empty",
		    spec->text);
	/* Leave a byte for a NUL: most readers of sun_path expect one. */
	if (length >= sizeof(un->sun_path))
		return fail(failure, 0, "socket '%s': the path is longer than "
		    "%zu bytes", spec->text, sizeof(un->sun_path) - 1);
	memcpy(un->sun_path, text, length);
	spec->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    length);
	if (*text != '@')
		spec->length++;
	else if (length > 1)
		un->sun_path[0] = '\0';
	else
		spec->length = sizeof(sa_family_t);
	return 0;
}

static int
parse_host(struct spec *spec, char *host, struct failure *failure)
{
	struct sockaddr_in6 *in6 = &spec->address.in6;
	size_t length = strlen(host);
	char *percent;

	if (strcmp(host, "*") == 0) {
		spec->wildcard = true;
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = (struct in6_addr)IN6ADDR_ANY_INIT;
	} else if (inet_pton(AF_INET, host,
	    &spec->address.in.sin_addr) == 1) {
		spec->address.in.sin_family = AF_INET;
		spec->length = sizeof(spec->address.in);
		return 0;
	} else if (host[0] == '[' && length > 1 && host[length - 1] == ']') {
		host[length - 1] = '\0';
		percent = strchr(host, '%');
		if (percent != NULL) {
			*percent++ = '\0';
			if (*percent == '\0' || strlcpy(spec->interface,
			    percent, sizeof(spec->interface)) >=
			    sizeof(spec->interface))
				return fail(failure, 0, "socket '%s': no such "
				    "interface", spec->text);
		}
		if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) != 1)
			return fail(failure, 0, "socket '%s': not an IPv6 "
			    "address in brackets", spec->text);
		in6->sin6_family = AF_INET6;
	} else if (*host == '\0')
		return fail(failure, 0, "socket '%s': the host is missing; "
		    "'*' is all addresses", spec->text);
	else
		return fail(failure, 0, "socket '%s': the host is not numeric, "
		    "'*' or localhost", spec->text);
	spec->length = sizeof(*in6);
	return 0;
}

/* Whether text is a host or a word without a port, not a mistyped port. */
static bool
lacks_port(const char *text)
{
	size_t length = strlen(text);

	if (strchr(text, ':') != NULL)
		return text[length - 1] == ']';
	return strpbrk(text, "0123456789") == NULL ||
	    strchr(text, '.') != NULL;
}

/* Returns how many members it filled (two for localhost), or -1. */
static int
parse_ip(struct spec members[2], char *text, struct failure *failure)
{
	char ipv6[] = "[::1]", ipv4[] = "127.0.0.1";
	char *hosts[] = { ipv4, ipv6 };
	char *digits = text, *colon = strrchr(text, ':');
	int count = 1, i, port;

	if (*text != '\0' && strchr("/.@", *text) != NULL)
		return fail(failure, 0, "socket '%s': a path is for unix, "
		    "unixgram and unixpacket", members[0].text);
	if (lacks_port(text))
		return fail(failure, 0, "socket '%s': there is no port, and a "
		    "path begins with '/' or '.'", members[0].text);
	if (colon != NULL) {
		*colon = '\0';
		hosts[0] = text;
		digits = colon + 1;
	}
	members[0].loopback = colon == NULL;
	if (parse_number(digits, 10, 0, 65535, &port) == -1)
		return fail(failure, 0, "socket '%s': the port is not a number "
		    "from 0 to 65535", members[0].text);
	if (strcmp(hosts[0], "localhost") == 0) {
		hosts[0] = ipv4;
		members[1] = members[0];
		members[0].loopback = true;
		members[1].same_port = members[1].optional = true;
		count = 2;
	}
	for (i = 0; i < count; i++) {
		if (parse_host(&members[i], hosts[i], failure) == -1)
			return -1;
		address_set_port(&members[i].address, (unsigned)port);
	}
	return count;
}

static unsigned
applicable(const struct spec *spec)
{
	unsigned applies = APPLIES_ALWAYS;

	if (spec->type != SOCK_DGRAM)
		applies |= APPLIES_QUEUE;
	switch (spec->address.any.sa_family) {
	case AF_UNIX:
		if (spec->address.un.sun_path[0] != '\0' &&
		    spec->length > sizeof(sa_family_t))
			applies |= APPLIES_PATH;
		break;
	case AF_INET6:
		if (!spec->wildcard)
			applies |= APPLIES_IPV6;
		/* FALLTHROUGH */
	default:
		applies |= APPLIES_IP;
	}
	return applies;
}

/* Sets an option on those members of a group that it applies to. */
static int
parse_option(struct spec *members, int count, char *text,
    struct failure *failure)
{
	const struct socket_option *row;
	char *value = strchr(text, '=');
	int i, number = 1, taken = 0, option;

	if (value != NULL)
		*value++ = '\0';
	for (option = 0; option < OPTION_COUNT; option++)
		if (strcmp(text, socket_options[option].name) == 0)
			break;
	if (option == OPTION_COUNT)
		return fail(failure, 0, "socket '%s': unknown option '%s'",
		    members[0].text, text);
	row = &socket_options[option];
	if (row->value[0] == '\0' && value != NULL)
		return fail(failure, 0, "socket '%s': option '%s' takes no "
		    "value", members[0].text, text);
	if (row->value[0] != '\0' && (value == NULL || parse_number(value,
	    strcmp(row->value, "OCTAL") == 0 ? 8 : 10, row->minimum,
	    row->maximum, &number) == -1))
		return fail(failure, 0, strcmp(row->value, "OCTAL") == 0 ?
		    "socket '%s': option '%s' takes an octal number from %o to "
		    "%o" : "socket '%s': option '%s' takes a number from %d to "
		    "%d", members[0].text, text, row->minimum, row->maximum);
	for (i = 0; i < count; i++)
		if ((applicable(&members[i]) & row->applies) != 0) {
			members[i].option[option] = number;
			taken++;
		}
	if (taken == 0)
		return fail(failure, 0, "socket '%s': option '%s' is for %s",
		    members[0].text, text, row->domain);
	return 0;
}

static const struct transport *
find_transport(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (strlen(transports[i].name) == length &&
		    strncmp(text, transports[i].name, length) == 0)
			return &transports[i];
	return NULL;
}

/*
 * Skips TYPE: at the beginning of *text.  Without it, a text that begins like
 * a path is of type unix and any other of type tcp.  Returns NULL if a word is
 * there that is no type.
 */
static const struct transport *
parse_transport(char **text)
{
	const struct transport *transport;
	size_t length = strcspn(*text, ":");

	if (strchr("/.@", **text) != NULL && **text != '\0')
		return find_transport("unix", 4);
	if ((*text)[length] == '\0')
		return find_transport("tcp", 3);
	transport = find_transport(*text, length);
	if (transport != NULL) {
		*text += length + 1;
		return transport;
	}
	if (isalpha((unsigned char)**text) &&
	    strncmp(*text, "localhost:", length + 1) != 0)
		return NULL;
	return find_transport("tcp", 3);
}

/* Parses what follows fd: in a spec. */
static int
parse_descriptor(struct spec *spec, char *text, struct failure *failure)
{
	char *comma = strchr(text, ',');

	if (comma != NULL)
		*comma = '\0';
	if (parse_number(text, 10, FIRST_FD, INT_MAX, &spec->fd) == -1)
		return fail(failure, 0, "socket '%s': a descriptor is a number "
		    "from %d", spec->text, FIRST_FD);
	if (comma != NULL)
		return fail(failure, 0, "socket '%s': a socket that is open "
		    "takes no options", spec->text);
	return 1;
}

static int
parse_members(char *text, struct spec *members, struct failure *failure)
{
	const struct transport *transport;
	char *options, *option;
	size_t length;
	int i, count = 1;

	length = strcspn(text, "=/:,");
	if (text[length] == '=' && text[0] != '.' && text[0] != '@') {
		if (parse_name(&members[0], text, length, failure) == -1)
			return -1;
		text += length + 1;
	}
	if (strncmp(text, "fd:", 3) == 0)
		return parse_descriptor(&members[0], text + 3, failure);
	options = text;
	text = strsep(&options, ",");
	transport = parse_transport(&text);
	if (transport == NULL)
		return fail(failure, 0, "socket '%s': '%.*s' is neither a "
		    "type nor a numeric host",
		    members[0].text, (int)strcspn(text, ":"), text);
	members[0].type = transport->types[0];
	if (transport->family == AF_UNIX) {
		if (parse_unix(&members[0], text, failure) == -1)
			return -1;
	} else if ((count = parse_ip(members, text, failure)) == -1)
		return -1;
	if (transport->types[1] != 0) {
		for (i = 0; i < count; i++) {
			members[count + i] = members[i];
			members[count + i].type = transport->types[1];
			members[count + i].same_port = true;
		}
		count *= 2;
	}
	while ((option = strsep(&options, ",")) != NULL)
		if (parse_option(members, count, option, failure) == -1)
			return -1;
	return count;
}

int
spec_parse(const char *spec, struct spec members[SPEC_MEMBERS_MAX],
    struct failure *failure)
{
	char *copy;
	int count, i;

	memset(members, 0, sizeof(members[0]));
	members[0].text = spec;
	strlcpy(members[0].name, SPEC_UNNAMED, sizeof(members[0].name));
	for (i = 0; i < OPTION_COUNT; i++)
		members[0].option[i] = -1;
	copy = strdup(spec);
	if (copy == NULL)
		return fail(failure, 0, "out of memory");
	count = parse_members(copy, members, failure);
	free(copy);
	return count;
}
