/* SPDX-License-Identifier: ISC */
/*
 * Any SPEC: it is refused for a reason; or each of its sockets, said in
 * full, is taken as one socket, and that is the same.
 */

#include <arpa/inet.h>
#include <stdio.h>

#include "endpoint.h"
#include "fuzz.h"

static const char *
type_of(const struct endpoint *endpoint)
{
	bool local = endpoint->address.any.sa_family == AF_UNIX;

	switch (endpoint->type) {
	case SOCK_STREAM:
		return local ? "unix" : "tcp";
	case SOCK_DGRAM:
		return local ? "unixgram" : "udp";
	default:
		assert(endpoint->type == SOCK_SEQPACKET && local);
		return "unixpacket";
	}
}

static void
say_path(FILE *output, const struct endpoint *endpoint)
{
	const char *path = endpoint->address.un.sun_path;
	size_t start = offsetof(struct sockaddr_un, sun_path);

	if (endpoint->length == sizeof(sa_family_t))
		fputs("@", output);
	else if (path[0] == '\0')
		fprintf(output, "@%.*s", (int)(endpoint->length - start - 1),
		    path + 1);
	else {
		assert(endpoint->length == start + strlen(path) + 1);
		fputs(path, output);
	}
}

static void
say_address(FILE *output, const struct endpoint *endpoint)
{
	const union address *address = &endpoint->address;
	char host[INET6_ADDRSTRLEN];

	switch (address->any.sa_family) {
	case AF_UNIX:
		say_path(output, endpoint);
		return;
	case AF_INET:
		assert(endpoint->length == sizeof(address->in));
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof(host));
		fputs(host, output);
		break;
	default:
		assert(address->any.sa_family == AF_INET6);
		assert(endpoint->length == sizeof(address->in6));
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host,
		    sizeof(host));
		if (endpoint->any)
			fputs("*", output);
		else
			fprintf(output, "[%s%s%s]", host,
			    endpoint->interface[0] == '\0' ? "" : "%",
			    endpoint->interface);
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
	if (row->value != NULL)
		fprintf(output, strcmp(row->value, "OCTAL") == 0 ? "=%o" :
		    "=%d", (unsigned)value);
}

/* The SPEC of this socket alone, with nothing left to a default. */
static char *
say_in_full(const struct endpoint *endpoint)
{
	char *text;
	size_t length;
	FILE *output = open_memstream(&text, &length);
	int i;

	assert(output != NULL);
	fprintf(output, "%s=%s:", endpoint->name, type_of(endpoint));
	say_address(output, endpoint);
	for (i = 0; i < OPTION_COUNT; i++)
		say_option(output, i, endpoint->option[i]);
	fclose(output);
	return text;
}

static void
check_again(const struct endpoint *endpoint)
{
	struct endpoint again[ENDPOINT_MEMBERS_MAX];
	struct failure failure = { "" };
	char *spec = say_in_full(endpoint);

	assert(endpoint_parse(spec, again, &failure) == 1);
	assert(strcmp(again->name, endpoint->name) == 0);
	assert(again->type == endpoint->type);
	assert(again->length == endpoint->length);
	assert(memcmp(&again->address, &endpoint->address,
	    again->length) == 0);
	assert(strcmp(again->interface, endpoint->interface) == 0);
	assert(again->any == endpoint->any);
	assert(!again->joined && !again->dispensable);
	assert(memcmp(again->option, endpoint->option,
	    sizeof(again->option)) == 0);
	free(spec);
}

static void
check_name(const char *name)
{
	size_t length = strlen(name);

	assert(length > 0 && length <= ENDPOINT_NAME_MAX);
	assert(strcspn(name, ":=/,\\") == length);
	for (; *name != '\0'; name++)
		assert(isprint((unsigned char)*name));
}

static void
check_member(const struct endpoint *members, int which)
{
	const struct endpoint *member = &members[which];

	check_name(member->name);
	assert(member->spec == members->spec);
	assert(member->joined == (which > 0));
	assert(!member->dispensable || member->joined);
	assert(which == 0 || member->address.any.sa_family != AF_UNIX);
	assert(strcmp(member->name, members->name) == 0);
	assert(address_port(&member->address) ==
	    address_port(&members->address));
	assert(endpoint_is_tcp(member) == (strcmp(type_of(member),
	    "tcp") == 0));
	check_again(member);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct endpoint members[ENDPOINT_MEMBERS_MAX];
	struct failure failure = { "" };
	char *spec = fuzz_text(data, size);
	int i, count = endpoint_parse(spec, members, &failure);

	if (count == -1)
		check_reason(&failure);
	else
		assert(count == 1 || count == 2 || count == 4);
	for (i = 0; i < count; i++)
		check_member(members, i);
	free(spec);
	return 0;
}
