/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "supervise/channel.h"

/* What is sent of struct message itself. */
enum { HEAD_SIZE = offsetof(struct message, failure) };

union control {
	struct cmsghdr	header;
	char		space[CMSG_SPACE(sizeof(int))];
};

int
channel_open(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

int
channel_send(int channel, const struct message *message, int fd)
{
	union control control = { 0 };
	struct iovec vectors[2] = {
		{ (void *)(uintptr_t)message, HEAD_SIZE }
	};
	struct msghdr msg = { .msg_iov = vectors, .msg_iovlen = 1 };
	ssize_t sent;

	if (message->kind == MSG_FAILED) {
		vectors[1].iov_base = message->failure->text;
		vectors[1].iov_len = strlen(message->failure->text) + 1;
		msg.msg_iovlen = 2;
	}
	if (fd != -1) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	/*
	 * After a peer that left messages unread the error is ECONNRESET
	 * once, then EPIPE: unix_release_sock() in net/unix/af_unix.c.
	 */
	do
		sent = sendmsg(channel, &msg, MSG_NOSIGNAL);
	while (sent == -1 && (errno == EINTR || errno == ECONNRESET));
	return sent == -1 ? -1 : 0;
}

int
channel_receive(int channel, struct message *message, int *fd)
{
	union control control = { 0 };
	struct iovec vectors[2] = { { message, HEAD_SIZE } };
	struct msghdr msg = { .msg_iov = vectors, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	ssize_t received;

	if (message->failure != NULL) {
		vectors[1].iov_base = message->failure->text;
		vectors[1].iov_len = sizeof(message->failure->text);
		msg.msg_iovlen = 2;
	}
	/* Messages of a peer that is gone may follow its ECONNRESET. */
	do
		received = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	while (received == -1 && (errno == EINTR || errno == ECONNRESET));
	if (fd != NULL)
		*fd = -1;
	if (received == 0)
		errno = EPIPE;
	if (received <= 0)
		return (int)received;
	if ((msg.msg_flags & MSG_CTRUNC) != 0) {
		errno = EMFILE;
		return -1;
	}
	header = CMSG_FIRSTHDR(&msg);
	if (fd != NULL && header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof(int));
	return 1;
}

int
channel_fail(struct failure *failure, const char *peer)
{
	if (errno == EPIPE)
		return fail(failure, 0, "%s was killed", peer);
	return fail(failure, errno, "%s", peer);
}
