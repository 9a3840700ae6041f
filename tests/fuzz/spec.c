/* SPDX-License-Identifier: ISC */
/*
 * Any SPEC: it is refused for a reason; or each of its sockets, said in
 * full, is taken as one socket, and that is the same.
 */

#include <arpa/inet.h>
#include <stdio.h>

#include "fuzz.h"
#include "socket/spec.h"

static const char *
type_of(const struct spec *spec)
{
	bool local = spec->address.any.sa_family == AF_UNIX;

	switch (spec->type) {
	case SOCK_STREAM:
		return local ? "unix" : "tcp";
	case SOCK_DGRAM:
		return local ? "unixgram" : "udp";
	default:
		assert(spec->type == SOCK_SEQPACKET && local);
		return "unixpacket";
	}
}

static void
say_path(FILE *output, const struct spec *spec)
{
	const char *path = spec->address.un.sun_path;
	size_t start = offsetof(struct sockaddr_un, sun_path);

	if (spec->length == sizeof(sa_family_t))
		fputs("@", output);
	else if (path[0] == '\0')
		fprintf(output, "@%.*s", (int)(spec->length - start - 1),
		    path + 1);
	else {
		assert(spec->length == start + strlen(path) + 1);
		fputs(path, output);
	}
}

static void
say_address(FILE *output, const struct spec *spec)
{
	const union address *address = &spec->address;
	char host[INET6_ADDRSTRLEN];

	switch (address->any.sa_family) {
	case AF_UNIX:
		say_path(output, spec);
		return;
	case AF_INET:
		assert(spec->length == sizeof(address->in));
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof(host));
		fputs(host, output);
		break;
	default:
		assert(address->any.sa_family == AF_INET6);
		assert(spec->length == sizeof(address->in6));
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host,
		    sizeof(host));
		if (spec->wildcard)
			fputs("*", output);
		else
			fprintf(output, "[%s%s%s]", host,
			    spec->interface[0] == '\0' ? "" : "%",
			    spec->interface);
		break;
	}
	fprintf(output, ":%u", address_port(address));
}

static void
say_option(FILE *output, int which, int value)
{
	const struct socket_option *row = &socket_options[which];

	if (value == -1)
		return;
	assert(value >= row->minimum && value <= row->maximum);
	fprintf(output, ",%s", row->name);
	if (row->value[0] != '\0')
		fprintf(output, strcmp(row->value, "OCTAL") == 0 ? "=%o" :
		    "=%d", (unsigned)value);
}

/* The SPEC of this socket alone, with nothing left to a default. */
static char *
say_in_full(const struct spec *spec)
{
	char *text;
	size_t length;
	FILE *output = open_memstream(&text, &length);
	int i;

	assert(output != NULL);
	fprintf(output, "%s=%s:", spec->name, type_of(spec));
	say_address(output, spec);
	for (i = 0; i < OPTION_COUNT; i++)
		say_option(output, i, spec->option[i]);
	fclose(output);
	return text;
}

static void
check_again(const struct spec *spec)
{
	struct spec again[SPEC_MEMBERS_MAX];
	struct failure failure = { "" };
	char *text = say_in_full(spec);

	assert(spec_parse(text, again, &failure) == 1);
	assert(strcmp(again->name, spec->name) == 0);
	assert(again->type == spec->type);
	assert(again->length == spec->length);
	assert(memcmp(&again->address, &spec->address,
	    again->length) == 0);
	assert(strcmp(again->interface, spec->interface) == 0);
	assert(again->wildcard == spec->wildcard);
	assert(!again->same_port && !again->optional);
	assert(memcmp(again->option, spec->option,
	    sizeof(again->option)) == 0);
	free(text);
}

static void
check_name(const char *name)
{
	size_t length = strlen(name);

	assert(length > 0 && length <= SPEC_NAME_MAX);
	assert(strcspn(name, ":=/,\\") == length);
	for (; *name != '\0'; name++)
		assert(isprint((unsigned char)*name));
}

static void
check_member(const struct spec *members, int which)
{
	const struct spec *member = &members[which];

	check_name(member->name);
	assert(member->text == members->text);
	assert(member->same_port == (which > 0));
	assert(!member->optional || member->same_port);
	assert(member->fd == 0);
	assert(which == 0 || member->address.any.sa_family != AF_UNIX);
	assert(strcmp(member->name, members->name) == 0);
	assert(address_port(&member->address) ==
	    address_port(&members->address));
	assert(spec_is_tcp(member) == (strcmp(type_of(member),
	    "tcp") == 0));
	check_again(member);
}

/* What is open already is one socket, and has a name alone. */
static void
check_open(const struct spec *open)
{
	struct spec again[SPEC_MEMBERS_MAX];
	struct failure failure = { "" };
	char text[SPEC_NAME_MAX + 32];
	int i;

	check_name(open->name);
	assert(open->fd >= FIRST_FD);
	for (i = 0; i < OPTION_COUNT; i++)
		assert(open->option[i] == -1);
	snprintf(text, sizeof(text), "%s=fd:%d", open->name, open->fd);
	assert(spec_parse(text, again, &failure) == 1);
	assert(again->fd == open->fd && strcmp(again->name, open->name) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec members[SPEC_MEMBERS_MAX];
	struct failure failure = { "" };
	char *spec = fuzz_text(data, size);
	int i, count = spec_parse(spec, members, &failure);

	if (count == -1)
		check_reason(&failure);
	else
		assert(count == 1 || count == 2 || count == 4);
	if (count == 1 && members[0].fd != 0)
		check_open(&members[0]);
	else
		for (i = 0; i < count; i++)
			check_member(members, i);
	free(spec);
	return 0;
}
