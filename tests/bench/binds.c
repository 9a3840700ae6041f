/* SPDX-License-Identifier: ISC */
/*
 * binds KIND COUNT THREADS PORT DESCRIPTORS OWN: what bind(2) costs.  Each
 * thread binds COUNT sockets to 127.0.0.1:PORT, one after another, and closes
 * each.  KIND is udp or tcp; own is tcp, and binds but once: PORT is the
 * service's own.  Before that, where OWN is not 0, listens there, as a service
 * does; and DESCRIPTORS more descriptors are open meanwhile.  Prints two means
 * over all threads, in nanoseconds: of bind(2), and of the whole round from
 * socket(2) to close(2).
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "now.h"

struct work {
	pthread_t	thread;
	int		type, count;
	unsigned	port;
	int64_t		binding, whole;	/* ns */
};

static struct sockaddr_in
here(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) },
	    .sin_port = htons((in_port_t)port) };
}

static int
listen_here(unsigned port)
{
	struct sockaddr_in address = here(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ?
	    -1 : listen(fd, SOMAXCONN);
}

static void *
run(void *context)
{
	struct work *work = context;
	struct sockaddr_in address = here(work->port);
	int64_t start = now(), begun;
	int fd, i, on = 1;

	for (i = 0; i < work->count; i++) {
		fd = socket(AF_INET, work->type | SOCK_CLOEXEC, 0);
		if (work->type == SOCK_STREAM)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
			    sizeof(on));
		begun = now();
		if (bind(fd, (struct sockaddr *)&address,
		    sizeof(address)) == -1) {
			perror("bind");
			exit(1);
		}
		work->binding += now() - begun;
		close(fd);
	}
	work->whole = now() - start;
	return NULL;
}

int
main(int argc, char *argv[])
{
	struct work work[64] = { { .count = 0 } };
	int64_t binding = 0, whole = 0;
	int threads, count, more, i;

	if (argc != 7 || (threads = atoi(argv[3])) < 1 || threads > 64)
		return 2;
	count = strcmp(argv[1], "own") == 0 ? 1 : atoi(argv[2]);
	for (more = atoi(argv[5]); more > 0; more--)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) == -1)
			return 1;
	if (atoi(argv[6]) != 0 && listen_here((unsigned)atoi(argv[6])) == -1) {
		perror(argv[6]);
		return 1;
	}
	for (i = 0; i < threads; i++) {
		work[i].type = strcmp(argv[1], "udp") == 0 ? SOCK_DGRAM :
		    SOCK_STREAM;
		work[i].count = count;
		work[i].port = (unsigned)atoi(argv[4]);
		/* One alone is the process's first, as in most services. */
		if (threads == 1)
			run(&work[i]);
		else if (pthread_create(&work[i].thread, NULL, run,
		    &work[i]) != 0)
			return 1;
	}
	for (i = 0; i < threads; i++) {
		if (threads > 1)
			pthread_join(work[i].thread, NULL);
		binding += work[i].binding;
		whole += work[i].whole;
	}
	printf("%lld %lld\n", (long long)(binding / count / threads),
	    (long long)(whole / count / threads));
	return 0;
}
