/* A service that takes its listening socket as fd 3, and has no port. */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int
main(void)
{
	const char *answer = "HTTP/1.0 200 OK\r\n\r\nhello from fd 3\n";
	char request[1024];
	int fd;

	while ((fd = accept(3, NULL, NULL)) != -1) {
		if (read(fd, request, sizeof(request)) > 0 &&
		    write(fd, answer, strlen(answer)) == -1)
			perror("write");
		close(fd);
	}
	perror("accept");
	return 1;
}
