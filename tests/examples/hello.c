/* SPDX-License-Identifier: ISC */
/*
 * A service that takes its listening socket at fd 3, as under systemd, and
 * has no port.  With libsystemd, sd_listen_fds(3) is what passed_one() does.
 */

#include <sys/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether one socket was passed, and to this process: what was meant for
 * another one, a wrapper say, is not there. */
static int
passed_one(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	return pid != NULL && strtol(pid, NULL, 10) == getpid() &&
	    count != NULL && strcmp(count, "1") == 0;
}

int
main(void)
{
	const char *answer = "HTTP/1.0 200 OK\r\n\r\nhello from fd 3\n";
	char request[1024];
	int fd;

	if (!passed_one()) {
		fputs("hello: expects one socket, passed to this process\n",
		    stderr);
		return 1;
	}
	fcntl(3, F_SETFD, FD_CLOEXEC);
	while ((fd = accept(3, NULL, NULL)) != -1) {
		if (recv(fd, request, sizeof(request), 0) > 0)
			send(fd, answer, strlen(answer), MSG_NOSIGNAL);
		close(fd);
	}
	perror("accept");
	return 1;
}
