/* SPDX-License-Identifier: ISC */
/*
 * What a resolver is measured with, over UDP on 127.0.0.1.
 *
 * dns answer PORT DELAY: answers each query with 192.0.2.1, DELAY milliseconds
 * after it came.
 *
 * dns ask PORT COUNT WINDOW: asks COUNT names, each of them once; WINDOW
 * queries are on their way at any time.  Prints how many were answered in a
 * second, and the microseconds within which 99 of 100 were.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "now.h"

enum {
	HEADER = 12, QUESTION_TAIL = 4, SIZE = 512, SECONDS = 10,
	COUNT_MAX = 65536,	/* the number of a query is its ID */
	WAITING_MAX = 256
};

struct reply {
	struct sockaddr_in	client;
	int64_t			due;	/* now() */
	unsigned char		text[SIZE];
	size_t			length;
};

static int64_t begun[COUNT_MAX], took[COUNT_MAX];

static int
open_socket(const char *port, struct sockaddr_in *address)
{
	struct timeval limit = { .tv_sec = SECONDS };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) },
	    .sin_port = htons((in_port_t)atoi(port)) };
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof(limit)) == -1)
		err(1, "socket");
	return fd;
}

/* Makes a query its own answer, and returns the length, or 0. */
static size_t
make_answer(unsigned char *text, size_t length)
{
	static const unsigned char record[] = {
		0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
	static const unsigned char counts[] = { 0, 1, 0, 1, 0, 0, 0, 0 };
	size_t end = HEADER;

	while (end < length && text[end] != 0)
		end += (size_t)text[end] + 1;
	end += 1 + QUESTION_TAIL;
	if (end > length || end + sizeof(record) > SIZE)
		return 0;
	text[2] |= 0x80;	/* a response */
	text[3] = 0x80;		/* recursion available, no error */
	memcpy(text + 4, counts, sizeof(counts));
	memcpy(text + end, record, sizeof(record));
	return end + sizeof(record);
}

/* Returns whether a query came before the time. */
static int
is_asked_before(int fd, int64_t due)
{
	struct pollfd query = { .fd = fd, .events = POLLIN };
	int64_t left = due - now();
	struct timespec limit = { left / 1000000000, left % 1000000000 };

	return left > 0 && ppoll(&query, 1, &limit, NULL) == 1;
}

static void
answer(const char *port, int delay)
{
	static struct reply waiting[WAITING_MAX];
	unsigned first = 0, next = 0;
	struct sockaddr_in address;
	struct reply *reply;
	socklen_t size;
	ssize_t length;
	int fd = open_socket(port, &address);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		err(1, "bind");
	for (;;) {
		reply = &waiting[first % WAITING_MAX];
		if (first != next && (next - first == WAITING_MAX ||
		    !is_asked_before(fd, reply->due))) {
			sendto(fd, reply->text, reply->length, 0,
			    (struct sockaddr *)&reply->client,
			    sizeof(reply->client));
			first++;
			continue;
		}
		reply = &waiting[next % WAITING_MAX];
		size = sizeof(reply->client);
		length = recvfrom(fd, reply->text, SIZE, 0,
		    (struct sockaddr *)&reply->client, &size);
		if (length <= HEADER)
			continue;
		reply->due = now() + (int64_t)delay * 1000000;
		reply->length = make_answer(reply->text, (size_t)length);
		next++;
	}
}

static void
send_query(int fd, int number)
{
	unsigned char text[64] = { (unsigned char)(number >> 8),
	    (unsigned char)number, 1, 0, 0, 1 };
	char label[16];
	int length = snprintf(label, sizeof(label), "n%d", number);
	unsigned char *next = text + HEADER;

	*next++ = (unsigned char)length;
	memcpy(next, label, (size_t)length);
	next += length;
	memcpy(next, "\4test\0\0\1\0\1", 10);
	next += 10;
	begun[number] = now();
	if (send(fd, text, (size_t)(next - text), 0) == -1)
		err(1, "send");
}

static int
compare(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

	return (a > b) - (a < b);
}

static void
ask(const char *port, int count, int window)
{
	struct sockaddr_in address;
	unsigned char text[SIZE];
	int fd = open_socket(port, &address), sent, done, number,
	    late;
	int64_t start;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		err(1, "connect");
	start = now();
	for (sent = 0; sent < window; sent++)
		send_query(fd, sent);
	for (done = 0; done < count; done++) {
		if (recv(fd, text, sizeof(text), 0) <= HEADER)
			err(1, "query %d of %d", done, count);
		number = text[0] << 8 | text[1];
		if (number >= sent || took[number] != 0 ||
		    (text[3] & 0xf) != 0 || text[7] != 1)
			errx(1, "query %d: a bad answer", number);
		took[number] = now() - begun[number];
		if (sent < count)
			send_query(fd, sent++);
	}
	start = now() - start;
	qsort(took, (size_t)count, sizeof(took[0]), compare);
	late = count - 1 - count / 100;
	printf("%.1f %.1f\n", count * 1e9 / (double)start,
	    (double)took[late] / 1000);
}

int
main(int argc, char *argv[])
{
	int count, window;

	if (argc == 4 && strcmp(argv[1], "answer") == 0)
		answer(argv[2], atoi(argv[3]));
	if (argc != 5 || strcmp(argv[1], "ask") != 0)
		return 2;
	count = atoi(argv[3]);
	window = atoi(argv[4]);
	if (window < 1 || count < window || count > COUNT_MAX)
		return 2;
	ask(argv[2], count, window);
	return 0;
}
