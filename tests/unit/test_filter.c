/* SPDX-License-Identifier: ISC */
/* The filter, as data: run here as the kernel would (seccomp(2)). */

#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "adopt/filter.h"
#include "unit.h"

/* As Linux numbers them: asm/unistd.h, linux/audit.h. */
static const struct {
	uint32_t	audit;
	int		bind, connect, socketcall, ring;
	size_t		word;
} known[] = {
	{ 0xc000003e, 49, 42, -1, 425, 8 },	/* x86-64 */
	{ 0x40000003, 361, 362, 102, 425, 4 },	/* i386 */
	{ 0xc00000b7, 200, 203, -1, 425, 8 },	/* arm64 */
	{ 0x40000028, 282, 283, -1, 425, 4 },	/* arm */
	{ 0xc00000f3, 200, 203, -1, 425, 8 },	/* riscv64 */
	{ 0xc0000015, 327, 328, 102, 425, 8 },	/* ppc64le */
	{ 0x80000016, 361, 362, 102, 425, 8 },	/* s390x */
	{ 0x00000016, 361, 362, 102, 425, 4 },	/* s390 */
	{ 0xc0000008, 5048, 5041, -1, 5425, 8 },	/* mips64el, n64 */
	{ 0xe0000008, 6048, 6041, -1, 6425, 4 },	/* n32 */
	{ 0x40000008, 4169, 4170, 4102, 4425, 4 },	/* o32 */
};

/* Every set that is used, and all of them at once. */
static const unsigned sets[] = {
	REPORT_BIND, REPORT_BIND | REPORT_UNIX, REPORT_CONNECT,
	REPORT_BIND | REPORT_CONNECT,
	REPORT_BIND | REPORT_CONNECT | REPORT_UNIX
};

/* The classic BPF that is needed; anything else fails the test. */
static uint32_t
run(const struct sock_filter *filter, size_t count,
    const struct seccomp_data *data)
{
	uint32_t accumulator = 0;
	bool jumps;
	size_t i;

	for (i = 0; i < count; i++)
		switch (filter[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ck_assert_uint_eq(filter[i].k % 4, 0);
			ck_assert_uint_lt(filter[i].k, sizeof(*data));
			memcpy(&accumulator, (const char *)data + filter[i].k,
			    sizeof(accumulator));
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
			jumps = BPF_OP(filter[i].code) == BPF_JEQ ?
			    accumulator == filter[i].k :
			    BPF_OP(filter[i].code) == BPF_JGE ?
			    accumulator >= filter[i].k :
			    accumulator > filter[i].k;
			i += jumps ? filter[i].jt : filter[i].jf;
			break;
		case BPF_RET | BPF_K:
			return filter[i].k;
		default:
			ck_abort_msg("instruction %zu: code %#x", i,
			    filter[i].code);
		}
	ck_abort_msg("the filter ran off its end");
	return 0;
}

#define NOTIFY	SECCOMP_RET_USER_NOTIF
#define ALLOW	SECCOMP_RET_ALLOW
#define NEVER	(1U << 31)
#define BIND_UNIX	(REPORT_BIND | REPORT_UNIX)

/* Of the architecture. */
enum { BIND = -2, SOCKETCALL = -3, RING = -4, X32 = -5, CONNECT = -6,
    X32_CONNECT = -7 };

static const struct {
	int		nr;
	uint64_t	first, length;
	unsigned	needs;		/* all of it: then it is reported */
	enum reported	kind;
} calls[] = {
	{ BIND, 16, 0, NEVER, 0 },
	{ BIND, 16, 2, NEVER, 0 },		/* autobind of unix */
	{ BIND, 16, 3, BIND_UNIX, REPORTED_BIND },
	{ BIND, 16, 12, BIND_UNIX, REPORTED_BIND },	/* netlink */
	{ BIND, 16, 15, BIND_UNIX, REPORTED_BIND },
	{ BIND, 16, 16, REPORT_BIND, REPORTED_BIND },
	{ BIND, 16, 28, REPORT_BIND, REPORTED_BIND },
	{ BIND, 16, 110, REPORT_BIND, REPORTED_BIND },
	{ BIND, 16, 128, REPORT_BIND, REPORTED_BIND },
	/* An int for the kernel: what is above is not its. */
	{ BIND, 16, 0xffffffff, REPORT_BIND, REPORTED_BIND },
	{ BIND, 16, 0x100000010, REPORT_BIND, REPORTED_BIND },
	{ BIND, 16, 0x100000002, NEVER, 0 },
	{ CONNECT, 16, 0, NEVER, 0 },
	{ CONNECT, 16, 2, NEVER, 0 },		/* AF_UNSPEC */
	{ CONNECT, 16, 16, REPORT_CONNECT, REPORTED_CONNECT },
	{ CONNECT, 16, 28, REPORT_CONNECT, REPORTED_CONNECT },
	{ CONNECT, 16, 0x100000010, REPORT_CONNECT, REPORTED_CONNECT },
	/* The length is in its array. */
	{ SOCKETCALL, 2, 0, REPORT_BIND, REPORTED_BIND },
	{ SOCKETCALL, 0x100000002, 16, REPORT_BIND, REPORTED_BIND },
	{ SOCKETCALL, 1, 16, NEVER, 0 },	/* socket */
	{ SOCKETCALL, 3, 16, REPORT_CONNECT, REPORTED_CONNECT },
	{ SOCKETCALL, 0x100000003, 0, REPORT_CONNECT, REPORTED_CONNECT },
	{ SOCKETCALL, 4, 16, NEVER, 0 },	/* listen */
	{ RING, 8, 0, REPORT_BIND, REPORTED_RING },
	{ 0, 2, 16, NEVER, 0 },
	{ 3, 2, 4096, NEVER, 0 },
	{ -1, 2, 16, NEVER, 0 },
	{ X32, 16, 0, NEVER, 0 },
	{ X32, 16, 16, REPORT_BIND, REPORTED_BIND },
	{ X32_CONNECT, 16, 16, REPORT_CONNECT, REPORTED_CONNECT },
};

static int
number_of(int row, int nr)
{
	switch (nr) {
	case BIND:
		return known[row].bind;
	case CONNECT:
		return known[row].connect;
	case SOCKETCALL:
		return known[row].socketcall;
	case RING:
		return known[row].ring;
	case X32:
		return 0x40000000 + known[row].bind;
	case X32_CONNECT:
		return 0x40000000 + known[row].connect;
	default:
		return nr;
	}
}

static struct seccomp_data
make_call(int row, int call)
{
	return (struct seccomp_data){ .arch = known[row].audit,
	    .nr = number_of(row, calls[call].nr), .instruction_pointer = 16,
	    .args = { calls[call].first, 16, calls[call].length, 16, 16, 16 } };
}

static uint32_t
expect(int row, int call, unsigned reports)
{
	int nr = calls[call].nr;

	if ((nr == SOCKETCALL && known[row].socketcall == -1) ||
	    ((nr == X32 || nr == X32_CONNECT) &&
	    known[row].audit != AUDIT_ARCH_X86_64))
		return ALLOW;
	return (calls[call].needs & ~reports) == 0 ? NOTIFY : ALLOW;
}

/* Each architecture, and each call of it. */
START_TEST(filters)
{
	int row = _i / LENGTH(calls), call = _i % LENGTH(calls);
	const struct architecture *found = filter_find(known[row].audit);
	struct seccomp_data data = make_call(row, call);
	struct sock_filter filter[FILTER_MAX];
	size_t count, set;

	ck_assert_ptr_nonnull(found);
	ck_assert_uint_eq(found->word, known[row].word);
	for (set = 0; set < LENGTH(sets); set++) {
		count = filter_make(filter, found, 1, sets[set]);
		ck_assert_uint_eq(run(filter, count, &data),
		    expect(row, call, sets[set]));
		if (expect(row, call, sets[set]) == NOTIFY)
			ck_assert_int_eq(filter_kind(&data),
			    calls[call].kind);
		/* The same call of a program that is not reported. */
		data.arch ^= 0x10000;
		ck_assert_uint_eq(run(filter, count, &data), ALLOW);
		data.arch ^= 0x10000;
	}
}
END_TEST

static bool
is_among(const struct architecture *rows, size_t count, uint32_t audit)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (rows[i].audit == audit)
			return true;
	return false;
}

/* The same by the filter of this machine, which reports some of them. */
START_TEST(filters_several)
{
	int row = _i / LENGTH(calls), call = _i % LENGTH(calls);
	struct seccomp_data data = make_call(row, call);
	struct sock_filter filter[FILTER_MAX];
	const struct architecture *rows;
	size_t known_here = filter_native(&rows);
	size_t count = filter_make(filter, rows, known_here, sets[4]);

	ck_assert_uint_eq(run(filter, count, &data), is_among(rows, known_here,
	    data.arch) ? expect(row, call, sets[4]) : ALLOW);
}
END_TEST

START_TEST(native)
{
	const struct architecture *rows;

	ck_assert_uint_ge(filter_native(&rows), 1);
	ck_assert_uint_le(filter_native(&rows), FILTER_ROWS);
	ck_assert_int_eq(rows[0].bind, SYS_bind);
	ck_assert_int_eq(rows[0].connect, SYS_connect);
	ck_assert_int_eq(rows[0].ring, SYS_io_uring_setup);
#ifdef SYS_socketcall
	ck_assert_int_eq(rows[0].socketcall, SYS_socketcall);
#else
	ck_assert_int_eq(rows[0].socketcall, -1);
#endif
#ifdef __x86_64__
	ck_assert_uint_eq(filter_native(&rows), 2);
	ck_assert_uint_eq(rows[0].audit, AUDIT_ARCH_X86_64);
	ck_assert_uint_eq(rows[1].audit, AUDIT_ARCH_I386);
#endif
}
END_TEST

START_TEST(does_not_know)
{
	ck_assert_ptr_null(filter_find(0));
	ck_assert_ptr_null(filter_find(0xffffffff));
}
END_TEST

/* What the kernel demands of any filter: jumps go forward, to the inside. */
START_TEST(is_well_formed)
{
	const struct architecture *rows = filter_find(known[_i].audit);
	struct sock_filter filter[FILTER_MAX];
	size_t i, count, set;

	for (set = 0; set < LENGTH(sets); set++) {
		count = filter_make(filter, rows, 1, sets[set]);
		ck_assert_uint_gt(count, 0);
		ck_assert_uint_le(count, FILTER_ROW + 2);
	}
	for (i = 0; i < count; i++)
		if (BPF_CLASS(filter[i].code) == BPF_JMP) {
			ck_assert_uint_lt(i + 1 + filter[i].jt, count);
			ck_assert_uint_lt(i + 1 + filter[i].jf, count);
		}
	ck_assert_int_eq(BPF_CLASS(filter[count - 1].code), BPF_RET);
}
END_TEST

int
main(void)
{
	const struct unit units[] = {
		{ "filter", filters, LENGTH(known) * LENGTH(calls) },
		{ "several", filters_several, LENGTH(known) * LENGTH(calls) },
		{ "native", native, 1 },
		{ "unknown", does_not_know, 1 },
		{ "form", is_well_formed, LENGTH(known) },
	};

	return run_units("filter", units, LENGTH(units));
}
