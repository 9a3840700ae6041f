/* SPDX-License-Identifier: ISC */
/* Addresses as text: hosts as inet_ntop(3) has them. */

#include <arpa/inet.h>
#include <string.h>

#include "socket/address.h"
#include "unit.h"

static const struct {
	const char	*host, *text;
} addresses[] = {
	{ "0.0.0.0", "0.0.0.0:80" },
	{ "127.0.0.1", "127.0.0.1:80" },
	{ "10.9.100.99", "10.9.100.99:80" },
	{ "255.255.255.255", "255.255.255.255:80" },
	{ "::", "[::]:80" },
	{ "::1", "[::1]:80" },
	{ "::ffff:10.0.0.1", "[::ffff:10.0.0.1]:80" },
};

START_TEST(is_that_of_inet_ntop)
{
	const char *wanted = addresses[_i].host;
	union address address = { 0 };
	char host[HOST_MAX], text[ADDR_MAX];
	bool is_ipv6 = strchr(wanted, ':') != NULL;

	address.any.sa_family = is_ipv6 ? AF_INET6 : AF_INET;
	ck_assert_int_eq(inet_pton(address.any.sa_family, wanted, is_ipv6 ?
	    (void *)&address.in6.sin6_addr : &address.in.sin_addr), 1);
	address_set_port(&address, 80);
	address_describe(&address, is_ipv6 ? sizeof(address.in6) :
	    sizeof(address.in), host, text);
	ck_assert_str_eq(host, wanted);
	ck_assert_str_eq(text, addresses[_i].text);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "address", is_that_of_inet_ntop, LENGTH(addresses) },
	};

	return run_units("address", units, LENGTH(units));
}
