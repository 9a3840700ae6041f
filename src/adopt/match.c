/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <string.h>

#include "adopt/match.h"

enum nearness { FAR, ACCEPTABLE, SAME_FAMILY, SAME_ADDRESS };

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
	return asked->any.sa_family == ours->any.sa_family ? SAME_FAMILY :
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

static int
decide_ip(const struct request *request, const struct listeners *listeners,
    const struct maps *maps)
{
	unsigned port = address_port(&request->address);
	enum nearness nearness, best = FAR;
	const struct listener *listener;
	int match = -1;
	size_t i;

	if (port == 0 || !request->standard || request->length <
	    (request->address.any.sa_family == AF_INET ?
	    sizeof(struct sockaddr_in) :
	    offsetof(struct sockaddr_in6, sin6_scope_id)))
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
