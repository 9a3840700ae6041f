/* SPDX-License-Identifier: ISC */
/*
 * A channel: notes arrive whole, with a descriptor where there is room for
 * one, and who is gone is noticed.
 */

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "supervise/channel.h"
#include "unit.h"

static struct failure reason = { "what: why" };
static const struct message sent = { .kind = MSG_FAILED, .value = 125,
	.failure = &reason };

static void
begin(int ends[2])
{
	ck_assert_int_eq(channel_open(ends), 0);
	ck_assert_int_gt(ends[0], 3);
}

static void
end(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

START_TEST(passes_a_note)
{
	struct failure failure = { "" };
	struct message message = { .kind = MSG_GO, .failure = &failure };
	int ends[2], got = 0;

	begin(ends);
	ck_assert_int_eq(channel_send(ends[0], &sent, -1), 0);
	ck_assert_int_eq(channel_receive(ends[1], &message, &got), 1);
	ck_assert_int_eq(message.kind, sent.kind);
	ck_assert_int_eq(message.value, sent.value);
	ck_assert_str_eq(failure.text, reason.text);
	ck_assert_int_eq(got, -1);
	end(ends);
}
END_TEST

START_TEST(passes_a_note_without_a_reason)
{
	struct failure failure = { "kept" };
	struct message note = { .kind = MSG_SIGNAL, .value = 15,
	    .failure = &failure };
	struct message message = { .kind = MSG_GO, .failure = &failure };
	int ends[2];

	begin(ends);
	ck_assert_int_eq(channel_send(ends[0], &note, -1), 0);
	ck_assert_int_eq(channel_receive(ends[1], &message, NULL), 1);
	ck_assert_int_eq(message.kind, note.kind);
	ck_assert_int_eq(message.value, note.value);
	ck_assert_str_eq(failure.text, "kept");
	end(ends);
}
END_TEST

START_TEST(drops_a_reason_that_nobody_wants)
{
	struct message message = { .kind = MSG_GO };
	int ends[2];

	begin(ends);
	ck_assert_int_eq(channel_send(ends[0], &sent, -1), 0);
	ck_assert_int_eq(channel_receive(ends[1], &message, NULL), 1);
	ck_assert_int_eq(message.kind, sent.kind);
	ck_assert_int_eq(message.value, sent.value);
	end(ends);
}
END_TEST

START_TEST(passes_a_descriptor)
{
	struct stat ours, theirs;
	struct message message = { .kind = MSG_FAILED };
	int ends[2], got = -1;

	begin(ends);
	ck_assert_int_eq(channel_send(ends[0], &sent, ends[1]), 0);
	ck_assert_int_eq(channel_receive(ends[1], &message, &got), 1);
	ck_assert_int_eq(fstat(ends[1], &ours), 0);
	ck_assert_int_eq(fstat(got, &theirs), 0);
	ck_assert_int_eq(ours.st_ino, theirs.st_ino);
	ck_assert_int_eq(fcntl(got, F_GETFD), FD_CLOEXEC);
	close(got);
	end(ends);
}
END_TEST

START_TEST(has_no_room_for_a_descriptor)
{
	struct rlimit limit, none;
	struct message message = { .kind = MSG_FAILED };
	int ends[2], got = 0, received, error;

	begin(ends);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(channel_send(ends[0], &sent, ends[0]), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	received = channel_receive(ends[1], &message, &got);
	error = errno;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(received, -1);
	ck_assert_int_eq(error, EMFILE);
	ck_assert_int_eq(got, -1);
	end(ends);
}
END_TEST

START_TEST(says_that_the_peer_is_gone)
{
	struct failure failure;
	struct message message = { .kind = MSG_FAILED };
	int ends[2];

	begin(ends);
	close(ends[0]);
	ck_assert_int_eq(channel_send(ends[1], &sent, -1), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(channel_receive(ends[1], &message, NULL), 0);
	ck_assert_int_eq(channel_fail(&failure, "the peer"), -1);
	ck_assert_str_eq(failure.text, "the peer was killed");
	close(ends[1]);
}
END_TEST

START_TEST(says_so_of_one_that_had_not_read_all)
{
	int ends[2];

	begin(ends);
	ck_assert_int_eq(channel_send(ends[1], &sent, -1), 0);
	close(ends[0]);
	ck_assert_int_eq(channel_send(ends[1], &sent, -1), -1);
	ck_assert_int_eq(errno, EPIPE);
	close(ends[1]);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "note", passes_a_note, 1 },
		{ "note without a reason", passes_a_note_without_a_reason, 1 },
		{ "no use for a reason", drops_a_reason_that_nobody_wants, 1 },
		{ "descriptor", passes_a_descriptor, 1 },
		{ "no room", has_no_room_for_a_descriptor, 1 },
		{ "gone", says_that_the_peer_is_gone, 1 },
		{ "unread", says_so_of_one_that_had_not_read_all, 1 },
	};

	return run_units("channel", units, LENGTH(units));
}
