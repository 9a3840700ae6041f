#ifndef ADOPT_H
#define ADOPT_H

/*
 * The service's bind() answered with our listening socket.
 *
 * The service runs under a seccomp filter that reports bind() and nothing
 * else (seccomp(2), SECCOMP_RET_USER_NOTIF; seccomp_unotify(2)).  Where one
 * names a number of ours, our socket takes the place of the service's own
 * descriptor and the call answers 0; every other goes on untouched.  The
 * service's memory is only read.  Linux 5.9 or later.
 */

#include <linux/audit.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdint.h>

#include "decision.h"
#include "listener.h"
#include "message.h"

#if defined(__x86_64__)
#define ADOPT_ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ADOPT_ARCH	AUDIT_ARCH_AARCH64
#elif defined(__i386__)
#define ADOPT_ARCH	AUDIT_ARCH_I386
#elif defined(__arm__)
#define ADOPT_ARCH	AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ADOPT_ARCH	AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ADOPT_ARCH	AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ADOPT_ARCH	AUDIT_ARCH_S390X
#else
#define ADOPT_ARCH	0	/* adopt_install() refuses */
#endif

enum {
	ADOPT_FILTER_MAX = 8,	/* instructions */
	ADOPT_POLLS_BEFORE = 3	/* the keeper's own */
};

struct gift;
struct patience;

struct adoption {
	int			 notify;	/* the filter's; owned */
	bool			 killable;	/* WAIT_KILLABLE_RECV */
	struct listeners	*listeners;
	const struct maps	*maps;
	const struct console	*console;
	const char		*service;	/* its name, for messages */
	struct gift		*gifts;		/* owned; who got what */
	size_t			 gift_count;
	char			 elsewhere[ADDR_MAX];	/* what it bound */
	int64_t			 taken_at;	/* process_clock(); 0: never */
	struct patience		*patience;	/* owned; with each listener */
	struct pollfd		*polls;		/* owned; adopt_poll()'s */
};

/* Readies adoption, whose other members are set.  0, or -1 and errno. */
int	adopt_begin(struct adoption *adoption);

/*
 * The filter's instructions; returns how many.  It reports a bind() of the
 * native architecture whose address is long enough to be one of ours, which
 * is shorter where a unix socket is among them.
 */
size_t	adopt_filter(struct sock_filter filter[ADOPT_FILTER_MAX],
    bool with_unix);

/*
 * In the process that is to become the service: installs the filter, for
 * itself and all its descendants.  no_new_privs is set only where the kernel
 * demands it, and *privileged says whether it did not.  Returns the
 * listener, close-on-exec, and in *killable whether the kernel keeps the
 * call from being restarted by signals; or -1 and errno.
 */
int	adopt_install(bool with_unix, bool *killable, bool *privileged);

/*
 * Whether the memory of child, a process that shares nothing of ours but
 * was forked from us, can be read: 0, or -1 and errno.
 */
int	adopt_try(pid_t child);

/* Answers one bind(), once adoption->notify is readable. */
void	adopt_answer(struct adoption *adoption);

/*
 * What to poll(2) besides notify: fills in adoption->polls behind the first
 * ADOPT_POLLS_BEFORE, which are the caller's, and returns how many there are
 * with those.  After poll(2), adopt_attend() looks at them: a listener that
 * was shut down, or whose taker has ended, listens again with its full queue;
 * clients that wait for nobody are spoken of.
 */
nfds_t	adopt_poll(struct adoption *adoption);
void	adopt_attend(struct adoption *adoption);

/* Milliseconds until adopt_attend() wants to be called again; -1: never. */
int	adopt_timeout(const struct adoption *adoption);

/*
 * Whether any descendant holds one of the sockets, other than the copy at
 * fd 3 and up, of which it may know nothing.
 */
bool	adopt_is_held(const struct adoption *adoption);

/* Ends all listening, whoever holds the sockets: clients are refused. */
void	adopt_close_sockets(struct adoption *adoption);

#endif
