/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <string.h>

#include "adopt/match.h"

enum nearness { FAR, ACCEPTABLE, SAME_FAMILY, SAME_ADDRESS };

static bool
takes_ipv4(const struct request *request)
{
	const union address *address = &request->address;

	return address->any.sa_family == AF_INET ||
	    address_is_mapped(address) ||
	    (address_is_wildcard(address) && !request->v6only);
}

static bool
takes_ipv6(const struct request *request)
{
	return request->address.any.sa_family == AF_INET6 &&
	    !address_is_mapped(&request->address);
}

static bool
is_for_ipv4(const struct listener *listener)
{
	return listener->address.any.sa_family == AF_INET ||
	    address_is_mapped(&listener->address);
}

static enum nearness
compare(const struct request *request, const struct listener *listener)
{
	const union address *asked = &request->address;
	const union address *ours = &listener->address;
	struct in6_addr a = address_as_ipv6(asked), b = address_as_ipv6(ours);

	if (IN6_ARE_ADDR_EQUAL(&a, &b))
		return SAME_ADDRESS;
	if (!address_is_wildcard(asked) && !(address_is_loopback(asked) &&
	    (address_is_loopback(ours) || address_is_wildcard(ours))))
		return FAR;
	return takes_ipv4(request) == is_for_ipv4(listener) ? SAME_FAMILY :
	    ACCEPTABLE;
}

static bool
is_mapped(unsigned port, size_t index, const struct listeners *listeners,
    const struct maps *maps)
{
	size_t i;

	for (i = 0; i < maps->count; i++)
		if (maps->list[i].port == port && (maps->list[i].socket ==
		    index || listeners->list[index].port ==
		    listeners->list[maps->list[i].socket].port))
			return true;
	return false;
}

/* The shortest that the kernel takes: SIN6_LEN_RFC2133 in its net/ipv6.h. */
static bool
is_whole(const union address *address, socklen_t length)
{
	return length >= (address->any.sa_family == AF_INET ?
	    sizeof(struct sockaddr_in) :
	    offsetof(struct sockaddr_in6, sin6_scope_id));
}

static int
decide_ip(const struct request *request, const struct listeners *listeners,
    const struct maps *maps)
{
	unsigned port = address_port(&request->address);
	enum nearness nearness, best = FAR;
	const struct listener *listener;
	int match = -1;
	size_t i;

	if (port == 0 || !request->standard ||
	    !is_whole(&request->address, request->length))
		return -1;
	/* bind(2) fails with EINVAL: __inet6_bind(). */
	if (request->v6only && address_is_mapped(&request->address))
		return -1;
	for (i = 0; i < listeners->count; i++) {
		listener = &listeners->list[i];
		if (listener->fd == -1 || listener_is_unix(listener) ||
		    listener->type != request->type ||
		    (listener->port != port &&
		    !is_mapped(port, i, listeners, maps)))
			continue;
		nearness = compare(request, listener);
		if (nearness > best) {
			best = nearness;
			match = (int)i;
		}
	}
	return match;
}

static bool
is_our_path(const struct request *request, const struct listener *listener)
{
	if (listener->inode != 0)
		return request->inode == listener->inode &&
		    request->device == listener->device;
	return request->length > sizeof(sa_family_t) &&
	    request->length == listener->length &&
	    request->address.un.sun_path[0] == '\0' &&
	    memcmp(&request->address, &listener->address,
	    request->length) == 0;
}

static int
decide_unix(const struct request *request, const struct listeners *listeners)
{
	const struct listener *listener;
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		listener = &listeners->list[i];
		if (listener->fd != -1 && listener->type == request->type &&
		    listener->address.any.sa_family == AF_UNIX &&
		    is_our_path(request, listener))
			return (int)i;
	}
	return -1;
}

int
match_listener(const struct request *request, const struct listeners *listeners,
    const struct maps *maps)
{
	if (!request->same_network ||
	    request->family != request->address.any.sa_family)
		return -1;
	switch (request->family) {
	case AF_INET:
	case AF_INET6:
		return decide_ip(request, listeners, maps);
	case AF_UNIX:
		return decide_unix(request, listeners);
	default:
		return -1;
	}
}

/* A listener at [::] takes clients of both. */
bool
match_suits(const struct request *request, const struct listener *listener)
{
	if (listener_is_unix(listener) ||
	    (listener->address.any.sa_family == AF_INET6 &&
	    address_is_wildcard(&listener->address)))
		return true;
	return is_for_ipv4(listener) ? takes_ipv4(request) :
	    takes_ipv6(request);
}

bool
match_may_meet(const union address *address, socklen_t length,
    const struct maps *maps)
{
	unsigned port;
	size_t i;

	if ((address->any.sa_family != AF_INET &&
	    address->any.sa_family != AF_INET6) || !is_whole(address, length))
		return false;
	port = address_port(address);
	for (i = 0; port != 0 && i < maps->count; i++)
		if (maps->list[i].port == port)
			return address_is_loopback(address) ||
			    address_is_wildcard(address);
	return false;
}

/* The listener's own address, in the form that was asked for. */
static void
translate(const union address *asked, const struct listener *listener,
    union address *target)
{
	const union address *ours = &listener->address;

	*target = *asked;
	address_set_port(target, listener->port);
	if (address_is_wildcard(ours))
		return;
	if (asked->any.sa_family == AF_INET6)
		target->in6.sin6_addr = address_as_ipv6(ours);
	else if (ours->any.sa_family == AF_INET)
		target->in.sin_addr = ours->in.sin_addr;
	else	/* mapped */
		memcpy(&target->in.sin_addr, &ours->in6.sin6_addr.s6_addr[12],
		    sizeof(target->in.sin_addr));
}

bool
match_target(const struct request *request, const struct listeners *listeners,
    const struct maps *maps, union address *target)
{
	const union address *asked = &request->address;
	bool ipv4 = asked->any.sa_family == AF_INET ||
	    address_is_mapped(asked);
	const struct listener *listener, *first = NULL;
	size_t i;

	if (!request->same_network || !request->standard)
		return false;
	for (i = 0; i < listeners->count; i++) {
		listener = &listeners->list[i];
		if (listener_is_unix(listener) ||
		    listener->type != request->type ||
		    !is_mapped(address_port(asked), i, listeners, maps))
			continue;
		if (is_for_ipv4(listener) == ipv4) {
			translate(asked, listener, target);
			return true;
		}
		if (first == NULL)
			first = listener;
	}
	if (first == NULL)
		return false;
	*target = *asked;
	address_set_port(target, first->port);
	return true;
}

/* Whether both are for clients of one family. */
static bool
share_family(const struct request *a, const struct request *b)
{
	return (takes_ipv4(a) && takes_ipv4(b)) ||
	    (takes_ipv6(a) && takes_ipv6(b));
}

static bool
overlap(const struct request *a, const struct request *b)
{
	struct in6_addr first, second;

	if (a->family == AF_UNIX)
		return true;
	if (address_port(&a->address) != address_port(&b->address))
		return false;
	if (address_is_wildcard(&a->address) ||
	    address_is_wildcard(&b->address))
		return share_family(a, b);
	first = address_as_ipv6(&a->address);
	second = address_as_ipv6(&b->address);
	return IN6_ARE_ADDR_EQUAL(&first, &second);
}

enum conflict
match_conflict(const struct request *held, const struct request *asked)
{
	if (!overlap(held, asked))
		return APART;
	if (asked->family == AF_UNIX)
		return IN_USE;
	return (held->share_port && asked->share_port) ||
	    (asked->type == SOCK_DGRAM && held->share_address &&
	    asked->share_address) ? SHARED : IN_USE;
}
