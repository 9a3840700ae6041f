/* SPDX-License-Identifier: ISC */
/*
 * floor PROGRAM [ARG]...: the least that passes a listening socket on a
 * port of the kernel's choice.  Nothing faster does what portexec does.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc < 2 || bind(fd, (struct sockaddr *)&address, length) == -1 ||
	    listen(fd, SOMAXCONN) == -1 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) == -1)
		return 125;
	execve(argv[1], argv + 1, environ);
	return 127;
}
