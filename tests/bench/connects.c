/* SPDX-License-Identifier: ISC */
/*
 * connects serve PORT: echoes at 127.0.0.1:PORT, until it is ended.
 * connects KIND COUNT PORT: what connect(2) costs.  KIND is
 *	bare	COUNT connections, one after another, each closed at once
 *	new	the same, with a byte that is echoed on each
 *	kept	one connection, and COUNT bytes that are echoed
 * Prints two means in nanoseconds: of connect(2), and of the whole round, which
 * is of socket(2) to close(2), or of one byte where the connection is kept.
 * What is closed is reset, so that no port stays in use.
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "now.h"

static int64_t connecting;

static struct sockaddr_in
here(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) },
	    .sin_port = htons((in_port_t)atoi(port)) };
}

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
watch(int events, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) == -1)
		die("epoll_ctl");
}

static _Noreturn void
serve(const char *port)
{
	struct sockaddr_in address = here(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, on = 1;
	int events = epoll_create1(0);
	struct epoll_event event;
	char byte;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address,
	    sizeof(address)) == -1 || listen(listener, SOMAXCONN) == -1)
		die(port);
	watch(events, listener);
	for (;;) {
		if (epoll_wait(events, &event, 1, -1) != 1)
			continue;
		fd = event.data.fd;
		if (fd == listener) {
			fd = accept(listener, NULL, NULL);
			if (fd == -1)
				continue;
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
			    sizeof(on));
			watch(events, fd);
		} else if (read(fd, &byte, 1) != 1 ||
		    send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
			close(fd);
	}
}

static int
open_connection(const struct sockaddr_in *address)
{
	const struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	int64_t begun;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	begun = now();
	if (connect(fd, (const struct sockaddr *)address,
	    sizeof(*address)) == -1)
		die("connect");
	connecting += now() - begun;
	return fd;
}

static void
exchange(int fd)
{
	char byte = 'x';

	if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
		die("exchange");
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in address;
	int64_t start;
	bool kept;
	int fd = -1, i, count;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc != 4 || (count = atoi(argv[2])) < 1)
		return 2;
	kept = strcmp(argv[1], "kept") == 0;
	address = here(argv[3]);
	if (kept)
		fd = open_connection(&address);
	start = now();
	for (i = 0; i < count; i++) {
		if (!kept)
			fd = open_connection(&address);
		if (strcmp(argv[1], "bare") != 0)
			exchange(fd);
		if (!kept)
			close(fd);
	}
	printf("%lld %lld\n", (long long)(connecting / (kept ? 1 : count)),
	    (long long)((now() - start) / count));
	return 0;
}
