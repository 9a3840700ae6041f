/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "socket/listen_fds.h"

#ifndef PIDFS_MAGIC
#define PIDFS_MAGIC	0x50494446	/* linux/magic.h, since 6.9 */
#endif

enum {
	OF_SOCKETS = 4,		/* the first of protocol: for passed sockets */
	USUAL_LIMIT = 1024	/* of descriptors, where it cannot be asked */
};

static const char protocol[LISTEN_FDS_VARIABLES][20] = {
	"LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDNAMES",
	"LISTEN_FDS_FIRST_FD", "LISTEN_PORT", "LISTEN_PORTS"
};

struct identity
listen_fds_identify(void)
{
	struct identity self = { .pid = getpid() };
	struct statfs system;
	struct stat status;
	int fd;

	fd = (int)syscall(SYS_pidfd_open, self.pid, 0);
	if (fd == -1)
		return self;
	if (fstatfs(fd, &system) == 0 && system.f_type == PIDFS_MAGIC &&
	    fstat(fd, &status) == 0)
		self.pidfd_id = (uint64_t)status.st_ino;
	close(fd);
	return self;
}

bool
variable_is_named(const char *variable, const char *name)
{
	size_t length = strlen(name);

	return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

static const char *
find(char *const variables[], const char *name)
{
	for (; *variables != NULL; variables++)
		if (variable_is_named(*variables, name))
			return *variables + strlen(name) + 1;
	return NULL;
}

/* Stores the number; returns false if text is not plain decimal digits. */
static bool
parse_decimal(const char *text, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

const char *
listen_fds_reserved(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < OF_SOCKETS; i++)
		if (strlen(protocol[i]) == length &&
		    memcmp(protocol[i], name, length) == 0)
			return protocol[i];
	return NULL;
}

static size_t
count_inherited(char *const variables[], const struct identity *self)
{
	const char *fds = find(variables, "LISTEN_FDS");
	const char *pid = find(variables, "LISTEN_PID");
	const char *pidfd_id = find(variables, "LISTEN_PIDFDID");
	struct rlimit limit = { .rlim_cur = USUAL_LIMIT };
	uint64_t number;

	if (fds == NULL || pid == NULL || !parse_decimal(pid, &number) ||
	    number != (uint64_t)self->pid)
		return 0;
	if (pidfd_id != NULL && (!parse_decimal(pidfd_id, &number) ||
	    number != self->pidfd_id))
		return 0;
	prlimit(0, RLIMIT_NOFILE, NULL, &limit);
	if (!parse_decimal(fds, &number) || number > limit.rlim_cur)
		return 0;
	return (size_t)number;
}

/* A connection, or a socket that a service left open, is not passed. */
static bool
is_passed(int fd)
{
	int type, listening = 0;
	socklen_t length = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == -1)
		return false;
	length = sizeof(int);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
	return type == SOCK_DGRAM || listening != 0;
}

pid_t
listen_fds_addressee(char *const variables[], const struct identity *self)
{
	const char *fds = find(variables, "LISTEN_FDS");
	const char *pid = find(variables, "LISTEN_PID");
	uint64_t count, number;

	if (fds == NULL || pid == NULL || !parse_decimal(fds, &count) ||
	    !parse_decimal(pid, &number) || count == 0 || number == 0 ||
	    number > INT_MAX || number == (uint64_t)self->pid)
		return 0;
	return is_passed(FIRST_FD) ? (pid_t)number : 0;
}

int
listen_fds_inherited(char *const variables[], const struct identity *self,
    size_t *count, char ***names, struct failure *failure)
{
	static char unknown[] = SPEC_UNNAMED;
	const char *given = find(variables, "LISTEN_FDNAMES");
	size_t i, length, fields = 1;
	char *copy, *name;

	*names = NULL;
	*count = count_inherited(variables, self);
	if (*count == 0)
		return 0;
	length = given == NULL ? 0 : strlen(given);
	*names = malloc(*count * sizeof(**names) + length + 1);
	if (*names == NULL)
		return fail(failure, 0, "out of memory");
	copy = (char *)(*names + *count);
	strlcpy(copy, given == NULL ? "" : given, length + 1);
	for (i = 0; i < length; i++)
		fields += copy[i] == ':';
	for (i = 0; i < *count; i++) {
		name = fields == *count ? strsep(&copy, ":") : unknown;
		(*names)[i] = *name == '\0' ? unknown : name;
	}
	return 0;
}

bool
listen_fds_is_variable(const char *variable)
{
	size_t i;

	if (strncmp(variable, "LISTEN_", 7) != 0)
		return false;
	for (i = 0; i < LISTEN_FDS_VARIABLES; i++)
		if (variable_is_named(variable, protocol[i]))
			return true;
	return false;
}

/*
 * Returns the backlog of a listening TCP socket, which the kernel has in
 * tcpi_sacked (tcp_get_info() in its net/ipv4/tcp.c); 0 if the TCP socket
 * does not listen.  Returns INT_MAX for other sockets: the kernel does not
 * tell their backlog.
 */
static int
queue_limit(int fd)
{
	struct tcp_info information;
	socklen_t length = sizeof(information);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &information, &length) == -1)
		return INT_MAX;
	return (int)information.tcpi_sacked;
}

static int
check_descriptor(const struct spec *spec, struct failure *failure)
{
	socklen_t length = sizeof(int);
	int type;

	if (getsockopt(spec->fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
	    fcntl(spec->fd, F_SETFD, FD_CLOEXEC) == 0)
		return 0;
	if (errno == EBADF)
		return fail(failure, 0, "socket '%s': descriptor %d is not "
		    "open", spec->text, spec->fd);
	if (errno == ENOTSOCK)
		return fail(failure, 0, "socket '%s': descriptor %d is not a "
		    "socket", spec->text, spec->fd);
	return fail(failure, errno, "socket '%s'", spec->text);
}

/* Names the listener at the descriptor of the spec, if there is one. */
static bool
rename_listener(struct listeners *listeners, const struct spec *spec)
{
	struct listener *listener;
	size_t i;

	for (i = 0; i < listeners->count; i++) {
		listener = &listeners->list[i];
		if (listener->fd != spec->fd)
			continue;
		if (strcmp(spec->name, SPEC_UNNAMED) != 0)
			strlcpy(listener->name, spec->name,
			    sizeof(listener->name));
		return true;
	}
	return false;
}

int
listeners_claim(struct listeners *listeners, struct spec *specs,
    size_t *count, struct failure *failure)
{
	size_t i, earlier, kept = 0;

	for (i = 0; i < *count; i++) {
		if (specs[i].fd != 0 && rename_listener(listeners, &specs[i]))
			continue;
		if (specs[i].fd != 0 &&
		    check_descriptor(&specs[i], failure) == -1)
			return -1;
		for (earlier = 0; earlier < kept; earlier++)
			if (specs[i].fd != 0 &&
			    specs[earlier].fd == specs[i].fd)
				return fail(failure, 0, "socket '%s': "
				    "descriptor %d was named before",
				    specs[i].text, specs[i].fd);
		specs[kept++] = specs[i];
	}
	*count = kept;
	return 0;
}

int
listeners_inherit_one(struct listeners *listeners, int fd, const char *name,
    struct failure *failure)
{
	struct listener *listener;
	socklen_t length = sizeof(listener->type);

	listener = listeners_append(listeners);
	if (listener == NULL)
		return fail(failure, errno, "inherited sockets");
	listener->inherited = true;
	listener->fd = fd;
	strlcpy(listener->name, name, sizeof(listener->name));
	listener->backlog = queue_limit(fd);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &listener->type,
	    &length) == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    listener_learn_address(listener) == -1)
		return fail(failure, errno, "inherited fd %d", fd);
	listener_remember_path(listener);
	return 0;
}

int
listeners_inherit(struct listeners *listeners, size_t count,
    char *const names[], struct failure *failure)
{
	socklen_t length;
	size_t i;
	int type;

	for (i = 0; i < count; i++) {
		length = sizeof(type);
		if (getsockopt(FIRST_FD + (int)i, SOL_SOCKET, SO_TYPE, &type,
		    &length) == -1)
			return fail(failure, errno, "inherited fd %zu",
			    FIRST_FD + i);
	}
	for (i = 0; i < count; i++)
		if (listeners_inherit_one(listeners, FIRST_FD + (int)i,
		    names[i], failure) == -1)
			return -1;
	return 0;
}
