/*
 * A service that asks libsystemd what it was given, and says it as JSON:
 * {"fds": what sd_listen_fds_with_names() returned, "names": [...],
 *  "sockets": [{"family", "type", "listening": as sd_is_socket() has them,
 *	"inet": the port that sd_is_socket_inet() agrees to, or 0}, ...]}
 */

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

static int
first_that_is(int fd, const int *candidates, int family, int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (sd_is_socket(fd, family == 0 ? candidates[i] : family,
		    family == 0 ? 0 : candidates[i], -1) > 0)
			return candidates[i];
	return -1;
}

static int
inet_port(int fd)
{
	struct sockaddr_in6 address = { .sin6_family = AF_UNSPEC };
	socklen_t length = sizeof(address);
	int port;

	if (getsockname(fd, (struct sockaddr *)&address, &length) == -1)
		return 0;
	/* The port is at the same place in both. */
	port = ntohs(address.sin6_port);
	if (address.sin6_family != AF_INET && address.sin6_family != AF_INET6)
		return 0;
	return sd_is_socket_inet(fd, 0, 0, -1, (uint16_t)port) > 0 ? port : 0;
}

int
main(void)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	char **names = NULL;
	int count, family, fd, i;

	count = sd_listen_fds_with_names(0, &names);
	printf("{\"fds\": %d, \"names\": [", count);
	for (i = 0; i < count; i++)
		printf("%s\"%s\"", i > 0 ? ", " : "", names[i]);
	printf("], \"sockets\": [");
	for (i = 0; i < count; i++) {
		fd = SD_LISTEN_FDS_START + i;
		family = first_that_is(fd, families, 0, 3);
		printf("%s{\"family\": %d, \"type\": %d, \"listening\": %d, "
		    "\"inet\": %d}", i > 0 ? ", " : "", family,
		    first_that_is(fd, types, family, 3),
		    sd_is_socket(fd, family, 0, 1), inet_port(fd));
		free(names[i]);
	}
	printf("]}\n");
	free(names);
	return 0;
}
