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

#if defined(__x86_64__)
#define NATIVE	AUDIT_ARCH_X86_64
#define FOREIGN	AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE	AUDIT_ARCH_AARCH64
#define FOREIGN	AUDIT_ARCH_ARM
#elif defined(__i386__)
#define NATIVE	AUDIT_ARCH_I386
#define FOREIGN	AUDIT_ARCH_X86_64
#else
#define NATIVE	0	/* then only the filter's form is tested */
#define FOREIGN	AUDIT_ARCH_X86_64
#endif

enum { X32_BIT = 0x40000000 };

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

static const struct {
	uint32_t	arch;
	int		nr;
	uint64_t	length;
	uint32_t	expected, with_unix;
} calls[] = {
	{ NATIVE, SYS_bind, 0, ALLOW, ALLOW },
	{ NATIVE, SYS_bind, 2, ALLOW, ALLOW },	/* autobind of unix */
	{ NATIVE, SYS_bind, 3, ALLOW, NOTIFY },
	{ NATIVE, SYS_bind, 12, ALLOW, NOTIFY },	/* netlink */
	{ NATIVE, SYS_bind, 15, ALLOW, NOTIFY },
	{ NATIVE, SYS_bind, 16, NOTIFY, NOTIFY },
	{ NATIVE, SYS_bind, 28, NOTIFY, NOTIFY },
	{ NATIVE, SYS_bind, 110, NOTIFY, NOTIFY },
	{ NATIVE, SYS_bind, 128, NOTIFY, NOTIFY },
	/* An int for the kernel: what is above is not its. */
	{ NATIVE, SYS_bind, 0xffffffff, NOTIFY, NOTIFY },
	{ NATIVE, SYS_bind, 0x100000010, NOTIFY, NOTIFY },
	{ NATIVE, SYS_bind, 0x100000002, ALLOW, ALLOW },
	{ NATIVE, SYS_connect, 16, ALLOW, ALLOW },
	{ NATIVE, SYS_listen, 16, ALLOW, ALLOW },
	{ NATIVE, SYS_read, 4096, ALLOW, ALLOW },
	{ NATIVE, SYS_bind + X32_BIT, 16, ALLOW, ALLOW },
	{ NATIVE, -1, 16, ALLOW, ALLOW },
	{ FOREIGN, SYS_bind, 16, ALLOW, ALLOW },
	{ 0xffffffff, SYS_bind, 16, ALLOW, ALLOW },
};

START_TEST(filters)
{
	struct seccomp_data data = { .nr = calls[_i].nr,
	    .arch = calls[_i].arch, .instruction_pointer = 16,
	    .args = { 16, 16, calls[_i].length, 16, 16, 16 } };
	struct sock_filter filter[FILTER_MAX];
	size_t count;

	if (NATIVE == 0 && calls[_i].expected == NOTIFY)
		return;
	count = filter_make(filter, false);
	ck_assert_uint_eq(run(filter, count, &data), calls[_i].expected);
	count = filter_make(filter, true);
	ck_assert_uint_eq(run(filter, count, &data), calls[_i].with_unix);
}
END_TEST

/* What the kernel demands of any filter: jumps go forward, to the inside. */
START_TEST(is_well_formed)
{
	struct sock_filter filter[FILTER_MAX];
	size_t i, count = filter_make(filter, _i != 0);

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
		{ "filter", filters, LENGTH(calls) },
		{ "form", is_well_formed, 2 },
	};

	return run_units("filter", units, LENGTH(units));
}
