/* SPDX-License-Identifier: ISC */
/*
 * slow MILLISECONDS PORT|fd: a service that takes so long to start, and then
 * answers every connection as HTTP has it, until it is ended.  It binds PORT,
 * or has its socket at fd 3.  On the FIFO that SERVICE_REPORT names, if any,
 * it says which port it has, or, less than 0, why it has none.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PASSED = 3 };

static void
report(int64_t what)
{
	const char *file = getenv("SERVICE_REPORT");
	int fd;

	if (file == NULL || (fd = open(file, O_WRONLY | O_CLOEXEC)) == -1)
		return;
	if (write(fd, &what, sizeof(what)) == -1)
		_exit(1);
	close(fd);
}

static int
bind_and_listen(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons((in_port_t)strtol(port, NULL, 10));
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) == -1 || bind(fd, (struct sockaddr *)&address,
	    sizeof(address)) == -1 || listen(fd, SOMAXCONN) == -1)
		return -1;
	return fd;
}

static void
answer(int client)
{
	static const char text[] = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n"
	    "Connection: close\r\n\r\nok\n";
	char request[4096];

	/* One that only tried whether it could connect is gone by now. */
	if (read(client, request, sizeof(request)) > 0 &&
	    send(client, text, sizeof(text) - 1, MSG_NOSIGNAL) == -1) {
		/* Nor is this one there. */
	}
	close(client);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in address = { 0 };
	socklen_t length = sizeof(address);
	struct timespec wait;
	long delay;
	int fd;

	if (argc != 3)
		return 2;
	delay = strtol(argv[1], NULL, 10);
	wait = (struct timespec){ delay / 1000, delay % 1000 * 1000000 };
	nanosleep(&wait, NULL);
	fd = strcmp(argv[2], "fd") == 0 ? PASSED : bind_and_listen(argv[2]);
	if (fd == -1 || getsockname(fd, (struct sockaddr *)&address,
	    &length) == -1) {
		report(-errno);
		return 1;
	}
	report(ntohs(address.sin_port));
	for (;;)
		answer(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
}
