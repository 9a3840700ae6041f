/* SPDX-License-Identifier: ISC */
/*
 * A bind() of any address, by any socket: it is answered only with a socket
 * of ours that has the number or the path, of the same kind, at an address
 * that may stand for the one asked for; and it is answered where it names
 * one of ours exactly.
 *
 * The input: flags, the socket's type, its family (a byte each); the
 * inode; then the address as bind() would have it.
 */

#include <arpa/inet.h>
#include <stdio.h>

#include "adopt/match.h"
#include "fuzz.h"

enum { STANDARD = 1, ELSEWHERE = 2, OTHER_DEVICE = 4, HEADER = 4 };
enum { T = SOCK_STREAM, D = SOCK_DGRAM };

static const struct {
	int		 type;
	const char	*place;		/* a host; a path; @ and a name */
	unsigned	 number;	/* the port, or the path's inode */
	bool		 closed;
} ours[] = {
	{ T, "127.0.0.1", 4001, false }, { T, "::1", 4001, false },
	{ D, "127.0.0.1", 4001, false }, { T, "0.0.0.0", 4002, false },
	{ T, "::", 4003, false }, { T, "10.1.2.3", 4004, false },
	{ T, "2001:db8::1", 4005, false }, { D, "::1", 4007, false },
	{ T, "127.0.0.1", 4006, true }, { T, "./s", 70, false },
	{ D, "./d", 80, false }, { T, "@name", 0, false },
};
enum { SOCKETS = sizeof(ours) / sizeof(ours[0]) };

static struct map map_list[] = { { .port = 80, .socket = 0 },
    { .port = 443, .socket = 5 }, { .port = 443, .socket = 3 },
    { .port = 53, .socket = 7 } };
static const struct maps maps = { map_list, 4 };

static void
make_socket(struct listener *socket, size_t which)
{
	const char *place = ours[which].place;
	union address *address = &socket->address;

	socket->type = ours[which].type;
	socket->fd = ours[which].closed ? -1 : 100;
	if (inet_pton(AF_INET, place, &address->in.sin_addr) == 1) {
		address->in.sin_family = AF_INET;
		socket->length = sizeof(address->in);
	} else if (inet_pton(AF_INET6, place, &address->in6.sin6_addr) == 1) {
		address->in6.sin6_family = AF_INET6;
		socket->length = sizeof(address->in6);
	} else {
		address->un.sun_family = AF_UNIX;
		strlcpy(address->un.sun_path, place,
		    sizeof(address->un.sun_path));
		socket->length = (socklen_t)(sizeof(sa_family_t) +
		    strlen(place) + (*place != '@'));
		if (*place == '@')
			address->un.sun_path[0] = '\0';
		socket->inode = ours[which].number;
		socket->device = 1;
		return;
	}
	socket->port = ours[which].number;
	address_set_port(address, socket->port);
	strlcpy(socket->host, place, sizeof(socket->host));
}

static struct request
make_request(const uint8_t *data, size_t size)
{
	struct request request = {
		.type = data[1], .family = data[2],
		.standard = (data[0] & STANDARD) != 0,
		.same_network = (data[0] & ELSEWHERE) == 0,
		.device = (data[0] & OTHER_DEVICE) != 0 ? 2 : 1,
		.inode = data[3],
	};

	size -= HEADER;
	if (size > sizeof(request.address))
		size = sizeof(request.address);
	memcpy(&request.address, data + HEADER, size);
	request.length = (socklen_t)size;
	/* Only a path has an inode, and no abstract name. */
	if (request.address.any.sa_family != AF_UNIX ||
	    request.address.un.sun_path[0] == '\0')
		request.inode = 0;
	return request;
}

static bool
has_port(const struct request *request, const struct listener *sockets,
    const struct listener *socket)
{
	unsigned port = address_port(&request->address);
	size_t i;

	if (port == socket->port)
		return true;
	for (i = 0; i < maps.count; i++)
		if (port == map_list[i].port &&
		    sockets[map_list[i].socket].port == socket->port)
			return true;
	return false;
}

/* "any", "loopback", or the host; one address has one name. */
static const char *
name_host(const union address *address, char host[INET6_ADDRSTRLEN])
{
	const char *text = address->any.sa_family == AF_INET ?
	    inet_ntop(AF_INET, &address->in.sin_addr, host,
	    INET6_ADDRSTRLEN) : inet_ntop(AF_INET6,
	    &address->in6.sin6_addr, host, INET6_ADDRSTRLEN);

	assert(text != NULL);
	if (strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.') != NULL)
		text += 7;
	if (strcmp(text, "::") == 0 || strcmp(text, "0.0.0.0") == 0)
		return "any";
	if (strcmp(text, "::1") == 0 || strncmp(text, "127.", 4) == 0)
		return "loopback";
	return text;
}

static bool
has_host(const union address *asked, const union address *given)
{
	char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
	const char *wanted = name_host(asked, a), *got = name_host(given, b);

	return strcmp(wanted, "any") == 0 || strcmp(wanted, got) == 0 ||
	    (strcmp(wanted, "loopback") == 0 && strcmp(got, "any") == 0);
}

static void
check_answer(const struct request *request, const struct listener *sockets,
    int which)
{
	const struct listener *socket = &sockets[which];

	assert(which >= 0 && which < SOCKETS);
	assert(socket->fd != -1);
	assert(request->same_network && request->type == socket->type);
	assert(request->family == request->address.any.sa_family);
	if (request->family != AF_UNIX) {
		assert(request->family == AF_INET ||
		    request->family == AF_INET6);
		assert(request->standard && socket->host[0] != '\0');
		assert(address_port(&request->address) != 0);
		assert(has_port(request, sockets, socket));
		assert(has_host(&request->address, &socket->address));
	} else if (socket->inode != 0)
		assert(request->inode == socket->inode &&
		    request->device == socket->device);
	else
		assert(request->length == socket->length &&
		    memcmp(&request->address, &socket->address,
		    socket->length) == 0);
}

/* Of a connect(2) of the client's: it meets a socket of ours, or goes on. */
static void
check_connect(const struct request *request, const struct listeners *all)
{
	const union address *asked = &request->address;
	char host[INET6_ADDRSTRLEN];
	const char *name;
	union address target;
	bool found = false;
	int i;

	if (!match_may_meet(asked, request->length, &maps))
		return;
	name = name_host(asked, host);
	assert(strcmp(name, "any") == 0 || strcmp(name, "loopback") == 0);
	if (!match_target(request, all, &maps, &target))
		return;
	assert(request->same_network && request->standard);
	assert(target.any.sa_family == asked->any.sa_family);
	for (i = 0; i < SOCKETS; i++)
		found |= all->list[i].type == request->type &&
		    all->list[i].host[0] != '\0' &&
		    has_port(request, all->list, &all->list[i]) &&
		    address_port(&target) == all->list[i].port &&
		    (memcmp(&target.in6.sin6_addr, &asked->in6.sin6_addr,
		    target.any.sa_family == AF_INET ? 0 :
		    sizeof(target.in6.sin6_addr)) == 0 ||
		    has_host(&target, &all->list[i].address));
	assert(found);
}

/* Whether it asks for the socket as that is. */
static bool
names(const struct request *request, const struct listener *socket)
{
	return socket->fd != -1 && socket->inode == 0 &&
	    request->standard && request->same_network &&
	    request->type == socket->type &&
	    request->family == socket->address.any.sa_family &&
	    request->length == socket->length &&
	    memcmp(&request->address, &socket->address,
	    socket->length) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listener sockets[SOCKETS] = { 0 };
	const struct listeners listeners = { sockets, SOCKETS };
	struct request request, longer;
	int i, which;

	if (size < HEADER + sizeof(sa_family_t))	/* is not reported */
		return 0;
	for (i = 0; i < SOCKETS; i++)
		make_socket(&sockets[i], (size_t)i);
	request = make_request(data, size);
	which = match_listener(&request, &listeners, &maps);
	if (which != -1)
		check_answer(&request, sockets, which);
	for (i = 0; i < SOCKETS; i++) {
		assert(!names(&request, &sockets[i]) || which == i);
		assert(address_same(&request.address,
		    &sockets[i].address) ==
		    address_same(&sockets[i].address, &request.address));
	}
	assert(address_same(&request.address, &request.address));

	check_connect(&request, &listeners);

	/* What is behind the address is nobody's. */
	longer = request;
	memset((char *)&longer.address + longer.length, 0xa5,
	    sizeof(longer.address) - longer.length);
	assert(match_listener(&longer, &listeners, &maps) == which);
	return 0;
}
