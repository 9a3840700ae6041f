/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <net/if.h>

#include <string.h>

#include "base/number.h"
#include "socket/address.h"

unsigned
address_port(const union address *address)
{
	switch (address->any.sa_family) {
	case AF_INET:
		return ntohs(address->in.sin_port);
	case AF_INET6:
		return ntohs(address->in6.sin6_port);
	default:
		return 0;
	}
}

void
address_set_port(union address *address, unsigned port)
{
	if (address->any.sa_family == AF_INET)
		address->in.sin_port = htons((in_port_t)port);
	else if (address->any.sa_family == AF_INET6)
		address->in6.sin6_port = htons((in_port_t)port);
}

struct in6_addr
address_as_ipv6(const union address *address)
{
	struct in6_addr result = { 0 };

	if (address->any.sa_family == AF_INET6)
		return address->in6.sin6_addr;
	result.s6_addr[10] = result.s6_addr[11] = 0xff;
	memcpy(&result.s6_addr[12], &address->in.sin_addr, 4);
	return result;
}

bool
address_is_wildcard(const union address *address)
{
	struct in6_addr ip = address_as_ipv6(address);

	return IN6_IS_ADDR_UNSPECIFIED(&ip) || (IN6_IS_ADDR_V4MAPPED(&ip) &&
	    memcmp(&ip.s6_addr[12], "\0\0\0\0", 4) == 0);
}

bool
address_is_mapped(const union address *address)
{
	return address->any.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr);
}

bool
address_is_loopback(const union address *address)
{
	struct in6_addr ip = address_as_ipv6(address);

	return IN6_IS_ADDR_LOOPBACK(&ip) ||
	    (IN6_IS_ADDR_V4MAPPED(&ip) && ip.s6_addr[12] == 127);
}

bool
address_same(const union address *a, const union address *b)
{
	struct in6_addr first, second;

	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_UNIX)
		return true;
	first = address_as_ipv6(a);
	second = address_as_ipv6(b);
	return address_port(a) == address_port(b) &&
	    IN6_ARE_ADDR_EQUAL(&first, &second);
}

bool
address_has_path(const union address *address, socklen_t length)
{
	return address->any.sa_family == AF_UNIX &&
	    length > offsetof(struct sockaddr_un, sun_path) &&
	    address->un.sun_path[0] != '\0';
}

/*
 * Does what inet_ntop(3) does.  musl's calls printf(3), which executes eight
 * times as many instructions.
 */
static void
format_ipv4(const struct in_addr *ip, char host[HOST_MAX])
{
	const unsigned char *bytes = (const unsigned char *)&ip->s_addr;
	char number[NUMBER_MAX];
	size_t i;

	for (i = 0; i < sizeof(ip->s_addr); i++)
		host = stpcpy(stpcpy(host, i == 0 ? "" : "."),
		    number_text(bytes[i], number));
}

static void
address_host(const union address *address, char host[HOST_MAX])
{
	char interface[IF_NAMESIZE];

	host[0] = '\0';
	if (address->any.sa_family == AF_INET)
		format_ipv4(&address->in.sin_addr, host);
	if (address->any.sa_family != AF_INET6)
		return;
	inet_ntop(AF_INET6, &address->in6.sin6_addr, host, HOST_MAX);
	if (address->in6.sin6_scope_id != 0 &&
	    if_indextoname(address->in6.sin6_scope_id, interface) != NULL) {
		strlcat(host, "%", HOST_MAX);
		strlcat(host, interface, HOST_MAX);
	}
}

/* An abstract name begins with a NUL and may contain more NULs. */
static void
format_unix(const union address *address, socklen_t length,
    char text[ADDR_MAX])
{
	const char *path = address->un.sun_path;
	size_t i, size = 0;

	if (length > offsetof(struct sockaddr_un, sun_path))
		size = length - offsetof(struct sockaddr_un, sun_path);
	if (address_has_path(address, length))
		size = strnlen(path, size);
	memcpy(text, path, size);
	for (i = 0; i < size; i++)
		if (text[i] == '\0')
			text[i] = '@';
	text[size] = '\0';
}

static void
format_ip(const char *host, unsigned port, bool is_ipv6, char text[ADDR_MAX])
{
	char number[NUMBER_MAX];

	text = stpcpy(stpcpy(text, is_ipv6 ? "[" : ""), host);
	stpcpy(stpcpy(text, is_ipv6 ? "]:" : ":"), number_text(port, number));
}

void
address_describe(const union address *address, socklen_t length,
    char host[HOST_MAX], char text[ADDR_MAX])
{
	text[0] = '\0';
	address_host(address, host);
	if (address->any.sa_family == AF_UNIX)
		format_unix(address, length, text);
	else if (host[0] != '\0')
		format_ip(host, address_port(address),
		    address->any.sa_family == AF_INET6, text);
}

void
address_format(const union address *address, socklen_t length,
    char text[ADDR_MAX])
{
	char host[HOST_MAX];

	address_describe(address, length, host, text);
}
