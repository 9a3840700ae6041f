/* SPDX-License-Identifier: ISC */
/* Which bind() is answered, and with what. */

#include <arpa/inet.h>
#include <string.h>

#include "adopt/match.h"
#include "unit.h"

enum {
	T = SOCK_STREAM, D = SOCK_DGRAM,
	NONE = -1
};

/* Where a socket is, or is asked to be; a unix one's port is its inode. */
struct place {
	const char	*host;		/* or a path, "@" before a name */
	unsigned	 port;
};

/* Our sockets; the order is that of their numbers below. */
static const struct {
	int		type;
	struct place	place;
} ours[] = {
	{ T, { "127.0.0.1", 4001 } },
	{ T, { "::1", 4001 } },		/* a group: localhost, tcp+udp */
	{ D, { "127.0.0.1", 4001 } },
	{ T, { "0.0.0.0", 4002 } },
	{ T, { "::", 4003 } },
	{ T, { "10.1.2.3", 4004 } },
	{ T, { "2001:db8::1", 4005 } },
	{ T, { "/run/s", 70 } },
	{ D, { "/run/d", 80 } },
	{ T, { "@name", 0 } },
	{ T, { "127.0.0.1", 4006 } },	/* closed */
	{ D, { "::1", 4007 } },
};
enum { LO, LO6, LO_UDP, ANY, ANY6, LAN, LAN6, PATH, PATH_DGRAM, ABSTRACT,
    CLOSED, UDP6 };

static struct map map_list[] = {
	{ .port = 80, .socket = LO }, { .port = 443, .socket = LAN },
	{ .port = 443, .socket = ANY }, { .port = 53, .socket = UDP6 },
};
static const struct maps maps = { map_list, LENGTH(map_list) };

static struct listener list[LENGTH(ours)];
static const struct listeners listeners = { list, LENGTH(list) };

/* Returns the address's length. */
static socklen_t
make_address(union address *address, const struct place *place)
{
	size_t length = strlen(place->host);

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, place->host, &address->in.sin_addr) == 1) {
		address->in.sin_family = AF_INET;
		address->in.sin_port = htons((in_port_t)place->port);
		return sizeof(address->in);
	}
	if (inet_pton(AF_INET6, place->host, &address->in6.sin6_addr) == 1) {
		address->in6.sin6_family = AF_INET6;
		address->in6.sin6_port = htons((in_port_t)place->port);
		return sizeof(address->in6);
	}
	address->un.sun_family = AF_UNIX;
	memcpy(address->un.sun_path, place->host, length + 1);
	if (place->host[0] != '@')
		length++;
	else
		address->un.sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static void
make_listeners(void)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < (size_t)LENGTH(ours); i++) {
		listener = &list[i];
		listener->type = ours[i].type;
		listener->fd = i == CLOSED ? -1 : 100 + (int)i;
		listener->length = make_address(&listener->address,
		    &ours[i].place);
		strlcpy(listener->addr, ours[i].place.host,
		    sizeof(listener->addr));
		if (listener->address.any.sa_family == AF_UNIX) {
			listener->inode = ours[i].place.port;
			listener->device = listener->inode == 0 ? 0 : 1;
		} else {
			strlcpy(listener->host, ours[i].place.host,
			    sizeof(listener->host));
			listener->port = ours[i].place.port;
		}
	}
}

static struct request
make_request(int type, const struct place *place)
{
	struct request request = { .type = type, .standard = true,
	    .same_network = true };

	request.length = make_address(&request.address, place);
	request.family = request.address.any.sa_family;
	if (request.family == AF_UNIX && place->port != 0) {
		request.device = 1;
		request.inode = place->port;
	}
	return request;
}

static const struct {
	struct place	asked;
	int		type, expected;
} decided[] = {
	/* Our own address, both in a group. */
	{ { "127.0.0.1", 4001 }, T, LO },
	{ { "::1", 4001 }, T, LO6 },
	{ { "::ffff:127.0.0.1", 4001 }, T, LO },
	{ { "127.0.0.1", 4001 }, D, LO_UDP },
	{ { "::1", 4007 }, D, UDP6 },

	/* A wildcard: the nearest family, else the other. */
	{ { "0.0.0.0", 4001 }, T, LO },
	{ { "::", 4001 }, T, LO },	/* for IPv4 as well */
	{ { "0.0.0.0", 4001 }, D, LO_UDP },
	{ { "::", 4001 }, D, LO_UDP },
	{ { "0.0.0.0", 4007 }, D, UDP6 },
	{ { "0.0.0.0", 4004 }, T, LAN },
	{ { "::", 4004 }, T, LAN },
	{ { "::ffff:0.0.0.0", 4004 }, T, LAN },
	{ { "0.0.0.0", 4005 }, T, LAN6 },
	{ { "::", 4005 }, T, LAN6 },

	/* Another of loopback's, while ours is loopback or a wildcard. */
	{ { "127.0.0.2", 4001 }, T, LO },
	{ { "127.255.255.254", 4001 }, T, LO },
	{ { "::1", 4001 }, D, LO_UDP },
	{ { "127.0.0.1", 4007 }, D, UDP6 },
	{ { "127.0.0.1", 4002 }, T, ANY },
	{ { "::1", 4002 }, T, ANY },
	{ { "127.0.0.1", 4003 }, T, ANY6 },
	{ { "::ffff:127.0.0.1", 4003 }, T, ANY6 },
	{ { "::1", 4003 }, T, ANY6 },
	{ { "127.0.0.1", 4004 }, T, NONE },
	{ { "::1", 4004 }, T, NONE },
	{ { "127.0.0.1", 4005 }, T, NONE },
	{ { "::1", 4005 }, T, NONE },

	/* Wildcards on wildcards, of either family. */
	{ { "0.0.0.0", 4002 }, T, ANY },
	{ { "::", 4002 }, T, ANY },
	{ { "0.0.0.0", 4003 }, T, ANY6 },
	{ { "::", 4003 }, T, ANY6 },

	/* Somebody else's address, though it looks like one of ours. */
	{ { "10.1.2.3", 4001 }, T, NONE },
	{ { "128.0.0.1", 4001 }, T, NONE },
	{ { "126.255.255.255", 4001 }, T, NONE },
	{ { "1.0.0.127", 4001 }, T, NONE },
	{ { "::2", 4001 }, T, NONE },
	{ { "::127.0.0.1", 4001 }, T, NONE },
	{ { "::ffff:10.1.2.3", 4001 }, T, NONE },
	{ { "2001:db8::1", 4001 }, T, NONE },
	{ { "10.1.2.3", 4002 }, T, NONE },
	{ { "10.1.2.3", 4003 }, T, NONE },
	{ { "10.1.2.4", 4004 }, T, NONE },
	{ { "10.1.2.3", 4004 }, T, LAN },
	{ { "::ffff:10.1.2.3", 4004 }, T, LAN },
	{ { "2001:db8::1", 4005 }, T, LAN6 },
	{ { "2001:db8::2", 4005 }, T, NONE },

	/* Other numbers: none, next to ours, ours the wrong way round. */
	{ { "127.0.0.1", 0 }, T, NONE },
	{ { "0.0.0.0", 0 }, T, NONE },
	{ { "127.0.0.1", 4000 }, T, NONE },
	{ { "127.0.0.1", 4006 }, T, NONE },	/* it is closed */
	{ { "127.0.0.1", 0xa10f }, T, NONE },
	{ { "127.0.0.1", 65535 }, T, NONE },

	/* Other types. */
	{ { "127.0.0.1", 4002 }, D, NONE },
	{ { "::1", 4007 }, T, NONE },
	{ { "127.0.0.1", 4001 }, SOCK_SEQPACKET, NONE },
	{ { "127.0.0.1", 4001 }, SOCK_RAW, NONE },
	{ { "127.0.0.1", 4001 }, 0, NONE },

	/* Mapped: for all of the group, and as its own number would be. */
	{ { "127.0.0.1", 80 }, T, LO },
	{ { "0.0.0.0", 80 }, T, LO },
	{ { "::", 80 }, T, LO },
	{ { "127.0.0.1", 80 }, D, LO_UDP },
	{ { "10.1.2.3", 80 }, T, NONE },
	{ { "10.1.2.3", 443 }, T, LAN },
	{ { "0.0.0.0", 443 }, T, ANY },		/* the nearer of two */
	{ { "127.0.0.1", 443 }, T, ANY },
	{ { "0.0.0.0", 443 }, D, NONE },
	{ { "0.0.0.0", 53 }, D, UDP6 },
	{ { "0.0.0.0", 53 }, T, NONE },

	/* A unix path while it is our inode; an abstract name. */
	{ { "/run/s", 70 }, T, PATH },
	{ { "other/name", 70 }, T, PATH },
	{ { "/run/s", 71 }, T, NONE },
	{ { "/run/s", 0 }, T, NONE },
	{ { "/run/s", 70 }, D, NONE },
	{ { "/run/d", 80 }, T, NONE },
	{ { "/run/d", 80 }, D, PATH_DGRAM },
	{ { "@name", 0 }, T, ABSTRACT },
	{ { "@name", 0 }, D, NONE },
	{ { "@nam", 0 }, T, NONE },
	{ { "@name2", 0 }, T, NONE },
	{ { "@Name", 0 }, T, NONE },
	{ { "name", 0 }, T, NONE },
};

START_TEST(decides)
{
	struct request request;

	make_listeners();
	request = make_request(decided[_i].type, &decided[_i].asked);
	ck_assert_int_eq(match_listener(&request, &listeners, &maps),
	    decided[_i].expected);
	request.same_network = false;
	ck_assert_int_eq(match_listener(&request, &listeners, &maps), NONE);
	request.same_network = true;
	request.standard = false;
	ck_assert_int_eq(match_listener(&request, &listeners, &maps),
	    request.family == AF_UNIX ? decided[_i].expected : NONE);
}
END_TEST

START_TEST(ipv6_only_is_for_ipv6)
{
	static const struct {
		struct place	asked;
		int		expected;
	} rows[] = {
		{ { "::", 4001 }, LO6 },
		{ { "::1", 4001 }, LO6 },
		{ { "::ffff:127.0.0.1", 4001 }, NONE },	/* EINVAL */
		{ { "::ffff:0.0.0.0", 4001 }, NONE },
	};
	struct request request;
	int i;

	make_listeners();
	for (i = 0; i < LENGTH(rows); i++) {
		request = make_request(T, &rows[i].asked);
		request.v6only = true;
		ck_assert_int_eq(match_listener(&request, &listeners, &maps),
		    rows[i].expected);
	}
}
END_TEST

static const struct {
	const char	*asked;
	int		 listener;
	bool		 v6only, suits;
} suited[] = {
	{ "127.0.0.1", LO, false, true },
	{ "0.0.0.0", LO, false, true },
	{ "::ffff:127.0.0.1", LO, false, true },
	{ "::", LO, false, true },
	{ "::", LO, true, false },
	{ "::1", LO, false, false },
	{ "::1", LO, true, false },
	{ "127.0.0.1", LO6, false, false },
	{ "0.0.0.0", LO6, false, false },
	{ "::ffff:127.0.0.1", LO6, false, false },
	{ "::1", LO6, false, true },
	{ "::", LO6, false, true },
	{ "::", LO6, true, true },
	{ "::", ANY, true, false },
	{ "127.0.0.1", ANY6, false, true },
	{ "::1", ANY6, true, true },
};

START_TEST(suits_the_family)
{
	const struct place place = { suited[_i].asked, 4001 };
	struct request request;

	make_listeners();
	request = make_request(T, &place);
	request.v6only = suited[_i].v6only;
	ck_assert_int_eq(match_suits(&request, &list[suited[_i].listener]),
	    suited[_i].suits);
}
END_TEST

/* Each as bind(2) of Linux 6.18 has it, the first one listening. */
static const struct {
	const char	*held, *asked;
	enum conflict	 dual, v6only;	/* without and with it, on both */
} conflicts[] = {
	{ "127.0.0.1", "127.0.0.1", IN_USE, IN_USE },
	{ "127.0.0.1", "127.0.0.2", APART, APART },
	{ "127.0.0.1", "0.0.0.0", IN_USE, IN_USE },
	{ "0.0.0.0", "127.0.0.1", IN_USE, IN_USE },
	{ "0.0.0.0", "0.0.0.0", IN_USE, IN_USE },
	{ "127.0.0.1", "::1", APART, APART },
	{ "127.0.0.1", "::", IN_USE, APART },
	{ "::", "127.0.0.1", IN_USE, APART },
	{ "0.0.0.0", "::", IN_USE, APART },
	{ "0.0.0.0", "::1", APART, APART },
	{ "::1", "::1", IN_USE, IN_USE },
	{ "::1", "::", IN_USE, IN_USE },
	{ "::", "::1", IN_USE, IN_USE },
	{ "::", "::", IN_USE, IN_USE },
	{ "::1", "::2", APART, APART },
	{ "::ffff:127.0.0.1", "127.0.0.1", IN_USE, IN_USE },
	{ "::ffff:127.0.0.1", "0.0.0.0", IN_USE, IN_USE },
	{ "::ffff:127.0.0.1", "::1", APART, APART },
};

START_TEST(conflicts_as_in_the_kernel)
{
	const struct place first = { conflicts[_i].held, 4001 };
	const struct place second = { conflicts[_i].asked, 4001 };
	const struct place elsewhere = { conflicts[_i].asked, 4002 };
	struct request held = make_request(T, &first);
	struct request asked = make_request(T, &second);
	struct request other = make_request(T, &elsewhere);

	ck_assert_int_eq(match_conflict(&held, &asked), conflicts[_i].dual);
	ck_assert_int_eq(match_conflict(&held, &other), APART);
	held.v6only = asked.v6only = true;
	ck_assert_int_eq(match_conflict(&held, &asked), conflicts[_i].v6only);
}
END_TEST

START_TEST(sharing_takes_two)
{
	const struct place here = { "127.0.0.1", 4001 };
	struct request held = make_request(T, &here);
	struct request asked = held;

	held.share_port = true;
	ck_assert_int_eq(match_conflict(&held, &asked), IN_USE);
	asked.share_port = true;
	ck_assert_int_eq(match_conflict(&held, &asked), SHARED);
	held.share_port = false;
	ck_assert_int_eq(match_conflict(&held, &asked), IN_USE);
	held.share_address = true;
	ck_assert_int_eq(match_conflict(&held, &asked), IN_USE);
	asked.share_address = true;
	ck_assert_int_eq(match_conflict(&held, &asked), IN_USE);
	held.type = asked.type = D;
	ck_assert_int_eq(match_conflict(&held, &asked), SHARED);
}
END_TEST

static const struct {
	struct place	asked;
	socklen_t	length;
	int		expected;
} lengths[] = {
	{ { "127.0.0.1", 4001 }, 0, NONE },
	{ { "127.0.0.1", 4001 }, 2, NONE },
	{ { "127.0.0.1", 4001 }, 15, NONE },
	{ { "127.0.0.1", 4001 }, 16, LO },
	{ { "127.0.0.1", 4001 }, 28, LO },
	{ { "::1", 4001 }, 16, NONE },
	{ { "::1", 4001 }, 23, NONE },
	{ { "::1", 4001 }, 24, LO6 },	/* without scope: RFC 2133 */
	{ { "::1", 4001 }, 28, LO6 },
	{ { "@name", 0 }, 2, NONE },	/* the kernel names it */
	{ { "@name", 0 }, 6, NONE },
	{ { "@name", 0 }, 7, ABSTRACT },
	{ { "@name", 0 }, 8, NONE },	/* a NUL more: another name */
	{ { "/run/s", 70 }, 8, PATH },	/* the NUL is not needed */
};

START_TEST(lengths_count)
{
	struct request request;

	make_listeners();
	request = make_request(T, &lengths[_i].asked);
	request.length = lengths[_i].length;
	ck_assert_int_eq(match_listener(&request, &listeners, &maps),
	    lengths[_i].expected);
}
END_TEST

/* The socket's family and the address's, each our own number. */
static const struct { int family, address; } mixed[] = {
	{ AF_INET6, AF_INET }, { AF_INET, AF_INET6 }, { AF_INET, AF_UNSPEC },
	{ AF_INET6, AF_UNSPEC }, { AF_UNSPEC, AF_UNSPEC }, { 0, AF_INET },
	{ AF_NETLINK, AF_NETLINK }, { AF_NETLINK, AF_INET },
	{ AF_UNIX, AF_INET }, { AF_PACKET, AF_PACKET },
};

START_TEST(families_must_agree)
{
	static const struct place place = { "127.0.0.1", 4001 };
	struct request request;

	make_listeners();
	request = make_request(T, &place);
	request.family = mixed[_i].family;
	request.address.any.sa_family = (sa_family_t)mixed[_i].address;
	request.length = sizeof(request.address);
	ck_assert_int_eq(match_listener(&request, &listeners, &maps), NONE);
}
END_TEST

START_TEST(inode_of_another_device)
{
	static const struct place place = { "/run/s", 70 };
	struct request request;

	make_listeners();
	request = make_request(T, &place);
	request.device = 2;
	ck_assert_int_eq(match_listener(&request, &listeners, &maps), NONE);
}
END_TEST

static const struct {
	struct place	a, b;
	bool		same;
} pairs[] = {
	{ { "0.0.0.0", 1 }, { "0.0.0.0", 1 }, true },
	{ { "::", 1 }, { "::", 1 }, true },
	{ { "0.0.0.0", 1 }, { "::", 1 }, false },
	{ { "127.0.0.1", 1 }, { "127.0.0.1", 2 }, false },
	{ { "127.0.0.1", 1 }, { "127.0.0.2", 1 }, false },
	{ { "127.0.0.1", 1 }, { "::1", 1 }, false },
	{ { "127.0.0.1", 1 }, { "0.0.0.0", 1 }, false },
	{ { "::1", 256 }, { "::1", 1 }, false },
	{ { "/run/s", 0 }, { "/run/s", 0 }, true },
	{ { "/run/s", 0 }, { "127.0.0.1", 1 }, false },
};

START_TEST(same_requests)
{
	union address a, b;

	make_address(&a, &pairs[_i].a);
	make_address(&b, &pairs[_i].b);
	ck_assert_int_eq(address_same(&a, &b), pairs[_i].same);
	ck_assert_int_eq(address_same(&b, &a), pairs[_i].same);
}
END_TEST

static const struct {
	int		type;
	bool		may_meet;
	struct place	asked, target;	/* without a host: none */
} connections[] = {
	{ T, true, { "127.0.0.1", 80 }, { "127.0.0.1", 4001 } },
	{ T, true, { "127.9.9.9", 80 }, { "127.0.0.1", 4001 } },
	{ T, true, { "0.0.0.0", 80 }, { "127.0.0.1", 4001 } },
	{ T, true, { "::1", 80 }, { "::1", 4001 } },
	{ T, true, { "::", 80 }, { "::1", 4001 } },
	{ T, true, { "::ffff:127.0.0.1", 80 }, { "::ffff:127.0.0.1", 4001 } },
	{ T, true, { "::ffff:0.0.0.0", 80 }, { "::ffff:127.0.0.1", 4001 } },
	{ D, true, { "127.0.0.1", 80 }, { "127.0.0.1", 4001 } },
	/* All addresses: at the one that was asked for. */
	{ T, true, { "127.0.0.2", 443 }, { "127.0.0.2", 4002 } },
	/* Nobody of that family: refused, or a companion. */
	{ T, true, { "::1", 443 }, { "::1", 4002 } },
	{ D, true, { "127.0.0.1", 53 }, { "127.0.0.1", 4007 } },
	{ T, true, { "127.0.0.1", 53 }, { NULL, 0 } },
	{ D, true, { "127.0.0.1", 443 }, { NULL, 0 } },
	/* Not ours, from the address alone. */
	{ T, false, { "127.0.0.1", 81 }, { NULL, 0 } },
	{ T, false, { "127.0.0.1", 4001 }, { NULL, 0 } },
	{ T, false, { "127.0.0.1", 0 }, { NULL, 0 } },
	{ T, false, { "10.1.2.3", 80 }, { NULL, 0 } },
	{ T, false, { "2001:db8::1", 80 }, { NULL, 0 } },
	{ T, false, { "::ffff:10.1.2.3", 80 }, { NULL, 0 } },
	{ T, false, { "/run/s", 70 }, { NULL, 0 } },
};

START_TEST(connects)
{
	struct request request = make_request(connections[_i].type,
	    &connections[_i].asked);
	union address target, expected;
	bool meets = connections[_i].target.host != NULL;
	socklen_t length;

	make_listeners();
	ck_assert(match_may_meet(&request.address, request.length, &maps) ==
	    connections[_i].may_meet);
	if (!connections[_i].may_meet)
		return;
	ck_assert(match_target(&request, &listeners, &maps, &target) == meets);
	if (meets) {
		length = make_address(&expected, &connections[_i].target);
		ck_assert_mem_eq(&target, &expected, length);
	}
	request.standard = false;
	ck_assert(!match_target(&request, &listeners, &maps, &target));
	request.standard = true;
	request.same_network = false;
	ck_assert(!match_target(&request, &listeners, &maps, &target));
}
END_TEST

START_TEST(short_addresses_meet_nobody)
{
	static const struct place four = { "127.0.0.1", 80 },
	    six = { "::1", 80 };
	union address address;

	make_address(&address, &four);
	ck_assert(match_may_meet(&address, 16, &maps));
	ck_assert(!match_may_meet(&address, 15, &maps));
	make_address(&address, &six);
	ck_assert(match_may_meet(&address, 24, &maps));
	ck_assert(!match_may_meet(&address, 23, &maps));
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "decided", decides, LENGTH(decided) },
		{ "lengths", lengths_count, LENGTH(lengths) },
		{ "families", families_must_agree, LENGTH(mixed) },
		{ "device", inode_of_another_device, 1 },
		{ "pairs", same_requests, LENGTH(pairs) },
		{ "v6only", ipv6_only_is_for_ipv6, 1 },
		{ "suited", suits_the_family, LENGTH(suited) },
		{ "conflicts", conflicts_as_in_the_kernel, LENGTH(conflicts) },
		{ "sharing", sharing_takes_two, 1 },
		{ "connections", connects, LENGTH(connections) },
		{ "short", short_addresses_meet_nobody, 1 },
	};

	return run_units("match", units, LENGTH(units));
}
