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
	int		bind, socketcall, ring;
	size_t		word;
} known[] = {
	{ 0xc000003e, 49, -1, 425, 8 },	/* x86-64 */
	{ 0x40000003, 361, 102, 425, 4 },	/* i386 */
	{ 0xc00000b7, 200, -1, 425, 8 },	/* arm64 */
	{ 0x40000028, 282, -1, 425, 4 },	/* arm */
	{ 0xc00000f3, 200, -1, 425, 8 },	/* riscv64 */
	{ 0xc0000015, 327, 102, 425, 8 },	/* ppc64le */
	{ 0x80000016, 361, 102, 425, 8 },	/* s390x */
	{ 0x00000016, 361, 102, 425, 4 },	/* s390 */
	{ 0xc0000008, 5048, -1, 5425, 8 },	/* mips64el, n64 */
	{ 0xe0000008, 6048, -1, 6425, 4 },	/* n32 */
	{ 0x40000008, 4169, 4102, 4425, 4 },	/* o32 */
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

/* Of the architecture. */
enum { BIND = -2, SOCKETCALL = -3, RING = -4, X32 = -5 };

static const struct {
	int		nr;
	uint64_t	first, length;
	uint32_t	expected, with_unix;
} calls[] = {
	{ BIND, 16, 0, ALLOW, ALLOW },
	{ BIND, 16, 2, ALLOW, ALLOW },	/* autobind of unix */
	{ BIND, 16, 3, ALLOW, NOTIFY },
	{ BIND, 16, 12, ALLOW, NOTIFY },	/* netlink */
	{ BIND, 16, 15, ALLOW, NOTIFY },
	{ BIND, 16, 16, NOTIFY, NOTIFY },
	{ BIND, 16, 28, NOTIFY, NOTIFY },
	{ BIND, 16, 110, NOTIFY, NOTIFY },
	{ BIND, 16, 128, NOTIFY, NOTIFY },
	/* An int for the kernel: what is above is not its. */
	{ BIND, 16, 0xffffffff, NOTIFY, NOTIFY },
	{ BIND, 16, 0x100000010, NOTIFY, NOTIFY },
	{ BIND, 16, 0x100000002, ALLOW, ALLOW },
	/* The length is in its array. */
	{ SOCKETCALL, 2, 0, NOTIFY, NOTIFY },
	{ SOCKETCALL, 0x100000002, 16, NOTIFY, NOTIFY },
	{ SOCKETCALL, 1, 16, ALLOW, ALLOW },	/* socket */
	{ SOCKETCALL, 3, 16, ALLOW, ALLOW },	/* connect */
	{ SOCKETCALL, 4, 16, ALLOW, ALLOW },	/* listen */
	{ RING, 8, 0, NOTIFY, NOTIFY },
	{ 0, 2, 16, ALLOW, ALLOW },
	{ 3, 2, 4096, ALLOW, ALLOW },
	{ -1, 2, 16, ALLOW, ALLOW },
	{ X32, 16, 0, ALLOW, ALLOW },
	{ X32, 16, 16, NOTIFY, NOTIFY },
};

static struct seccomp_data
make_call(int row, int call)
{
	int nr = calls[call].nr;

	return (struct seccomp_data){ .arch = known[row].audit,
	    .nr = nr == BIND ? known[row].bind :
	    nr == SOCKETCALL ? known[row].socketcall :
	    nr == RING ? known[row].ring :
	    nr == X32 ? 0x40000000 + known[row].bind : nr,
	    .instruction_pointer = 16,
	    .args = { calls[call].first, 16, calls[call].length, 16, 16, 16 } };
}

static uint32_t
expect(int row, int call, bool with_unix)
{
	if (calls[call].nr == SOCKETCALL && known[row].socketcall == -1)
		return ALLOW;
	if (calls[call].nr == X32 && known[row].audit != AUDIT_ARCH_X86_64)
		return ALLOW;
	return with_unix ? calls[call].with_unix : calls[call].expected;
}

/* Each architecture, and each call of it. */
START_TEST(filters)
{
	int row = _i / LENGTH(calls), call = _i % LENGTH(calls);
	const struct architecture *found = filter_find(known[row].audit);
	struct seccomp_data data = make_call(row, call);
	struct sock_filter filter[FILTER_MAX];
	size_t count;
	int with_unix;

	ck_assert_ptr_nonnull(found);
	ck_assert_uint_eq(found->word, known[row].word);
	for (with_unix = 0; with_unix < 2; with_unix++) {
		count = filter_make(filter, found, 1, with_unix != 0);
		ck_assert_uint_eq(run(filter, count, &data),
		    expect(row, call, with_unix != 0));
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
	size_t count = filter_make(filter, rows, known_here, true);

	ck_assert_uint_eq(run(filter, count, &data), is_among(rows, known_here,
	    data.arch) ? expect(row, call, true) : ALLOW);
}
END_TEST

START_TEST(native)
{
	const struct architecture *rows;

	ck_assert_uint_ge(filter_native(&rows), 1);
	ck_assert_uint_le(filter_native(&rows), FILTER_ROWS);
	ck_assert_int_eq(rows[0].bind, SYS_bind);
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
	size_t i, count = filter_make(filter, rows, 1, true);

	ck_assert_uint_gt(count, 0);
	ck_assert_uint_le(count, FILTER_MAX);
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
