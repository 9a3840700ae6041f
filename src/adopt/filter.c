/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <netinet/in.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <string.h>
#include <unistd.h>

#include "adopt/filter.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS		/* since 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS		SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP	(1UL << 0)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV	(1UL << 5)	/* 5.19 */
#endif

/*
 * FILTER_NATIVE is the kernel's own architecture.  NATIVE_ROWS is how many rows
 * of architectures[], from that one on, this kernel can run programs of.
 */
#if defined(FILTER_NATIVE)
#define NATIVE_ROWS	1
#elif defined(__x86_64__) && !defined(__ILP32__)
#define FILTER_NATIVE	AUDIT_ARCH_X86_64
#define NATIVE_ROWS	2
#elif defined(__i386__)
#define FILTER_NATIVE	AUDIT_ARCH_I386
#define NATIVE_ROWS	1
#elif defined(__aarch64__)
#define FILTER_NATIVE	AUDIT_ARCH_AARCH64
#define NATIVE_ROWS	2
#elif defined(__arm__)
#define FILTER_NATIVE	AUDIT_ARCH_ARM
#define NATIVE_ROWS	1
#elif defined(__riscv) && __riscv_xlen == 64
#define FILTER_NATIVE	AUDIT_ARCH_RISCV64
#define NATIVE_ROWS	1
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FILTER_NATIVE	AUDIT_ARCH_PPC64LE
#define NATIVE_ROWS	1
#elif defined(__s390x__)
#define FILTER_NATIVE	AUDIT_ARCH_S390X
#define NATIVE_ROWS	2
#elif defined(__mips__) && _MIPS_SIM == _ABI64 && defined(__MIPSEL__)
#define FILTER_NATIVE	AUDIT_ARCH_MIPSEL64
#define NATIVE_ROWS	3
#else
#define FILTER_NATIVE	0	/* unknown: filter_install() fails */
#define NATIVE_ROWS	1
#endif

#define X32_BIT	0x40000000	/* __X32_SYSCALL_BIT of asm/unistd.h */

static const struct architecture architectures[] = {
	{ AUDIT_ARCH_X86_64, 49, 42, X32_BIT, -1, 425, 8 },
	{ AUDIT_ARCH_I386, 361, 362, 0, 102, 425, 4 },
	{ AUDIT_ARCH_AARCH64, 200, 203, 0, -1, 425, 8 },
	{ AUDIT_ARCH_ARM, 282, 283, 0, -1, 425, 4 },
	{ AUDIT_ARCH_RISCV64, 200, 203, 0, -1, 425, 8 },
	{ AUDIT_ARCH_PPC64LE, 327, 328, 0, 102, 425, 8 },
	{ AUDIT_ARCH_S390X, 361, 362, 0, 102, 425, 8 },
	{ AUDIT_ARCH_S390, 361, 362, 0, 102, 425, 4 },
	{ AUDIT_ARCH_MIPSEL64, 5048, 5041, 0, -1, 5425, 8 },
	{ AUDIT_ARCH_MIPSEL64N32, 6048, 6041, 0, -1, 6425, 4 },
	{ AUDIT_ARCH_MIPSEL, 4169, 4170, 0, 4102, 4425, 4 },
};

const struct architecture *
filter_find(uint32_t audit)
{
	size_t i;

	for (i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++)
		if (architectures[i].audit == audit)
			return &architectures[i];
	return NULL;
}

size_t
filter_native(const struct architecture **rows)
{
	*rows = filter_find(FILTER_NATIVE);
	return *rows == NULL ? 0 : NATIVE_ROWS;
}

/* Returns the offset of the low 32 bits of a system call's argument. */
static uint32_t
low_half(size_t argument)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) +
	    argument * sizeof(uint64_t)) +
	    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
}

enum reported
filter_kind(const struct seccomp_data *data)
{
	const struct architecture *row = filter_find(data->arch);

	if (row == NULL || data->nr == row->ring)
		return REPORTED_RING;
	if (data->nr == row->socketcall)
		return (int)data->args[0] == SYS_CONNECT ? REPORTED_CONNECT :
		    REPORTED_BIND;
	return (data->nr & ~row->x32) == row->connect ? REPORTED_CONNECT :
	    REPORTED_BIND;
}

static void
append(struct sock_filter *filter, size_t *at, uint16_t code, uint32_t value)
{
	filter[(*at)++] = (struct sock_filter)BPF_STMT(code, value);
}

/* Appends a jump to the instruction to, if the accumulator has the value. */
static void
append_jump(struct sock_filter *filter, size_t *at, int value, size_t to)
{
	filter[*at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
	    (uint32_t)value, (uint8_t)(to - *at - 1), 0);
	++*at;
}

/*
 * Appends the instructions for one architecture, and returns how many.  On
 * entry the accumulator has the call's architecture.  If that is not this
 * row's, the row is skipped and the accumulator is unchanged.
 */
static size_t
append_row(struct sock_filter *filter, const struct architecture *row,
    uint32_t shortest, unsigned reports)
{
	const uint16_t load = BPF_LD | BPF_W | BPF_ABS, end = BPF_RET | BPF_K;
	const size_t binds = (reports & REPORT_BIND) != 0;
	const size_t connects = (reports & REPORT_CONNECT) != 0;
	const size_t test = 3 + 3 * binds + 2 * connects +
	    (row->socketcall == -1 ? 0 : 3 + binds + connects);
	const size_t notify = test + 2, next = test + 4;
	size_t at = 1;

	/* Another architecture: to the next row. */
	filter[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
	    row->audit, 0, (uint8_t)(next - 1));
	append(filter, &at, load, offsetof(struct seccomp_data, nr));
	if (binds) {
		append_jump(filter, &at, row->ring, notify);
		append_jump(filter, &at, row->bind, test);
		append_jump(filter, &at, row->bind | row->x32, test);
	}
	if (connects) {
		append_jump(filter, &at, row->connect, test);
		append_jump(filter, &at, row->connect | row->x32, test);
	}
	/*
	 * socketcall(2) has its arguments in memory, which a filter cannot
	 * read, so the length is not tested.
	 */
	if (row->socketcall != -1) {
		append_jump(filter, &at, row->socketcall, at + 2);
		append(filter, &at, end, SECCOMP_RET_ALLOW);
		append(filter, &at, load, low_half(0));
		if (binds)
			append_jump(filter, &at, SYS_BIND, notify);
		if (connects)
			append_jump(filter, &at, SYS_CONNECT, notify);
	}
	append(filter, &at, end, SECCOMP_RET_ALLOW);
	append(filter, &at, load, low_half(2));
	filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
	    shortest, 0, 1);
	append(filter, &at, end, SECCOMP_RET_USER_NOTIF);
	append(filter, &at, end, SECCOMP_RET_ALLOW);
	return at;
}

size_t
filter_make(struct sock_filter filter[FILTER_MAX],
    const struct architecture *rows, size_t count, unsigned reports)
{
	/* A listener's address is never shorter than this. */
	uint32_t shortest = (reports & REPORT_UNIX) != 0 ? 3 :
	    sizeof(struct sockaddr_in);
	size_t i, length = 0;

	filter[length++] = (struct sock_filter)BPF_STMT(
	    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	for (i = 0; i < count; i++)
		length += append_row(filter + length, &rows[i], shortest,
		    reports);
	filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	return length;
}

int
filter_install(unsigned reports, bool *killable, bool *privileged)
{
	struct sock_filter filter[FILTER_MAX];
	const struct architecture *rows;
	size_t count = filter_native(&rows);
	struct sock_fprog program = {
		(unsigned short)filter_make(filter, rows, count, reports),
		filter
	};
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
	    SECCOMP_FILTER_FLAG_SPEC_ALLOW |
	    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	int fd;

	if (count == 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	*privileged = true;
	for (;;) {
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
		    &program);
		*killable = (flags &
		    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0;
		if (fd == -1 && errno == EINVAL && *killable)
			flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
		else if (fd == -1 && errno == EACCES && *privileged) {
			*privileged = false;
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		} else
			return fd;
	}
}

/*
 * No notification has been received, so none has this number: a kernel that
 * knows the request says ENOENT, an older one EINVAL.
 */
bool
filter_can_add(int notify)
{
	struct seccomp_notif_addfd request = { .srcfd = (uint32_t)notify };

	return ioctl(notify, SECCOMP_IOCTL_NOTIF_ADDFD, &request) != -1 ||
	    errno == ENOENT;
}

void
filter_take_turns(int notify, bool on)
{
	ioctl(notify, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
	    on ? SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP : 0UL);
}
