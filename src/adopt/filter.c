#include <sys/prctl.h>
#include <sys/syscall.h>

#include <netinet/in.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "adopt/filter.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV	(1UL << 5)	/* 5.19 */
#endif

#if defined(__x86_64__)
#define FILTER_ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH	AUDIT_ARCH_AARCH64
#elif defined(__i386__)
#define FILTER_ARCH	AUDIT_ARCH_I386
#elif defined(__arm__)
#define FILTER_ARCH	AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define FILTER_ARCH	AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FILTER_ARCH	AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define FILTER_ARCH	AUDIT_ARCH_S390X
#else
#define FILTER_ARCH	0	/* is refused */
#endif

size_t
filter_make(struct sock_filter filter[FILTER_MAX], bool with_unix)
{
	/* Shorter addresses than these cannot be one of ours. */
	uint32_t shortest = with_unix ? 3 : sizeof(struct sockaddr_in);
	uint32_t low = offsetof(struct seccomp_data, args[2]) +
	    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	struct sock_filter instructions[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bind, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, shortest, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	_Static_assert(sizeof(instructions) / sizeof(instructions[0]) <=
	    FILTER_MAX, "the filter outgrew its room");
	memcpy(filter, instructions, sizeof(instructions));
	return sizeof(instructions) / sizeof(instructions[0]);
}

int
filter_install(bool with_unix, bool *killable, bool *privileged)
{
	struct sock_filter filter[FILTER_MAX];
	struct sock_fprog program = {
		(unsigned short)filter_make(filter, with_unix), filter
	};
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
	    SECCOMP_FILTER_FLAG_SPEC_ALLOW |
	    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	int fd;

	if (FILTER_ARCH == 0) {
		errno = ENOSYS;
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
