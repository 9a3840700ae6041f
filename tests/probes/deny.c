/* SPDX-License-Identifier: ISC */
/*
 * Executes COMMAND where one system call fails:
 *
 *	deny NAME[,BITS] ERRNO COMMAND [ARG ...]
 *
 * NAME is one of the table below; with BITS, a number, the call fails only
 * where its second argument has one of them (seccomp's flags, say).  It
 * fails for everything that COMMAND starts, too.  ERRNO is a name or a number.
 */

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct word {
	const char	*name;
	uint32_t	value;
} calls[] = {
	{ "bind", SYS_bind },
	{ "ioctl", SYS_ioctl },
	{ "kcmp", SYS_kcmp },
	{ "listen", SYS_listen },
	{ "pidfd_getfd", SYS_pidfd_getfd },
	{ "pidfd_open", SYS_pidfd_open },
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "seccomp", SYS_seccomp },
	{ "unshare", SYS_unshare },
	{ NULL, 0 }
}, errors[] = {
	{ "EACCES", EACCES },
	{ "EINVAL", EINVAL },
	{ "ENOSYS", ENOSYS },
	{ "EPERM", EPERM },
	{ NULL, 0 }
};

static uint32_t
find(const struct word *words, const char *name, size_t length)
{
	for (; words->name != NULL; words++)
		if (strlen(words->name) == length &&
		    strncmp(words->name, name, length) == 0)
			return words->value;
	errx(2, "%s is not known", name);
}

static uint32_t
find_error(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text != '\0' && *end == '\0')
		return (uint32_t)number;
	return find(errors, text, strlen(text));
}

static void
install(uint32_t call, uint32_t bits, uint32_t error)
{
	uint32_t low = offsetof(struct seccomp_data, args[1]) +
	    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0,
		    bits == 0 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		sizeof(filter) / sizeof(filter[0]), filter
	};

	/* Where it can be, without: portexec is to choose for itself. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1)
		err(77, "seccomp");
}

int
main(int argc, char *argv[])
{
	const char *comma;
	size_t length;

	if (argc < 4)
		errx(2, "usage: deny NAME[,BITS] ERRNO COMMAND [ARG ...]");
	length = strcspn(argv[1], ",");
	comma = argv[1] + length;
	install(find(calls, argv[1], length),
	    *comma == '\0' ? 0 : (uint32_t)strtoul(comma + 1, NULL, 0),
	    find_error(argv[2]));
	execvp(argv[3], argv + 3);
	err(127, "%s", argv[3]);
}
