/* SPDX-License-Identifier: ISC */
/*
 * A service that asks libsystemd what it was given, and says it as JSON, on
 * standard output or to the file that it is told:
 * {"fds": what sd_listen_fds_with_names() returned, "names": [...],
 *  "sockets": [{"family", "type", "listening": as sd_is_socket() has them,
 *	"inet": the port that sd_is_socket_inet() agrees to, or 0}, ...],
 *  "standard": the same of standard input and output; -1 and 0 where one is
 *	no socket}
 */

#include <sys/socket.h>

#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

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

static void
print_socket(FILE *output, int fd)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int family = first_that_is(fd, families, 0, 3);

	fprintf(output, "{\"family\": %d, \"type\": %d, \"listening\": %d, "
	    "\"inet\": %d}", family, first_that_is(fd, types, family, 3),
	    sd_is_socket(fd, AF_UNSPEC, 0, 1), inet_port(fd));
}

int
main(int argc, char *argv[])
{
	FILE *output = argc > 1 ? fopen(argv[1], "we") : stdout;
	char **names = NULL;
	int count, i;

	if (output == NULL)
		err(1, "%s", argv[1]);
	count = sd_listen_fds_with_names(0, &names);
	fprintf(output, "{\"fds\": %d, \"names\": [", count);
	for (i = 0; i < count; i++) {
		fprintf(output, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
		free(names[i]);
	}
	fprintf(output, "], \"sockets\": [");
	for (i = 0; i < count; i++) {
		fputs(i > 0 ? ", " : "", output);
		print_socket(output, SD_LISTEN_FDS_START + i);
	}
	fprintf(output, "], \"standard\": [");
	print_socket(output, STDIN_FILENO);
	fputs(", ", output);
	print_socket(output, STDOUT_FILENO);
	fprintf(output, "]}\n");
	if (fclose(output) != 0)
		err(1, "write");
	free(names);
	return 0;
}
