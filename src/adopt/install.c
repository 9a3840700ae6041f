/* SPDX-License-Identifier: ISC */
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/install.h"
#include "process/procfs.h"

/* A registration of the service's socket with an epoll instance. */
struct registration {
	int			epoll;	/* the keeper's copy; owned; -1: none */
	int			error;	/* errno value: why there is no copy */
	int			fd;	/* the registered one, in the service */
	struct epoll_event	event;	/* what it is registered with */
};

struct registrations {
	struct registration	*list;	/* owned */
	size_t			 count;
};

static bool
has_socket(const struct descriptor *list, size_t count, int fd, ino_t inode)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].fd == fd)
			return list[i].socket == inode;
	return false;
}

/* "tfd: 3 events: 19 data: 7 ...", the last two in hexadecimal: proc(5). */
static bool
parse_registration(const char *line, struct registration *registration)
{
	unsigned long long fd, events, data;

	if (strncmp(line, "tfd:", 4) != 0 || !procfs_number(line, 1, 10, &fd) ||
	    !procfs_number(line, 3, 16, &events) ||
	    !procfs_number(line, 5, 16, &data))
		return false;
	registration->fd = (int)fd;
	registration->event.events = (uint32_t)events;
	registration->event.data.u64 = data;
	return true;
}

static void
append(struct registrations *registrations, struct registration *registration,
    const struct caller *caller, int epoll)
{
	struct registration *grown = reallocarray(registrations->list,
	    registrations->count + 1, sizeof(*grown));

	if (grown == NULL)
		return;
	registration->epoll = caller_copy(caller, epoll);
	registration->error = errno;
	registrations->list = grown;
	grown[registrations->count++] = *registration;
}

/* Appends the registrations of the socket with one epoll instance. */
static void
read_registrations(const struct slot *slot, int epoll,
    const struct descriptor *list, size_t count,
    struct registrations *registrations)
{
	struct registration registration;
	struct procfs file;
	char line[128];

	if (procfs_open(&file, "%d/fdinfo/%d", slot->caller->thread,
	    epoll) == -1)
		return;
	while (procfs_text(&file, '\n', line, sizeof(line)))
		if (parse_registration(line, &registration) &&
		    has_socket(list, count, registration.fd,
		    slot->socket->socket))
			append(registrations, &registration, slot->caller,
			    epoll);
	procfs_close(&file);
}

/*
 * Returns whether every registration can be repaired.  If not, sets errno.
 */
static bool
can_repair(const struct slot *slot, const struct registrations *registrations)
{
	const struct registration *registration;
	size_t i;
	int fd;

	for (i = 0; i < registrations->count; i++) {
		registration = &registrations->list[i];
		if (registration->epoll == -1) {
			errno = registration->error;
			return false;
		}
		if (slot->copy == -1) {
			errno = EPERM;
			return false;
		}
		/* Tests that the keeper may open a descriptor that high. */
		fd = fcntl(slot->copy, F_DUPFD_CLOEXEC, registration->fd);
		if (fd == -1) {
			errno = EMFILE;
			return false;
		}
		close(fd);
	}
	return true;
}

/*
 * epoll identifies a registration by the open file and the descriptor number
 * together (epoll(7), Q1).  So the keeper must have the socket at the same
 * descriptor as the service.  It saves what it has there, puts the old socket
 * there and deletes it, puts ours there and adds it, then restores its own.
 *
 * The keeper does this itself: under Yama only an ancestor of the service may
 * copy the epoll instance.
 */
static void
repair(const struct registration *registration, int old, int fd)
{
	struct epoll_event event = registration->event;
	int epoll = registration->epoll, target = registration->fd;
	int saved = fcntl(target, F_DUPFD_CLOEXEC, 0);

	if (saved == -1 && errno != EBADF)
		return;
	epoll = epoll == target ? saved : epoll;
	old = old == target ? saved : old;
	fd = fd == target ? saved : fd;
	/*
	 * Closing does not remove the old socket from epoll while another
	 * process has it open.
	 */
	if (dup3(old, target, O_CLOEXEC) != -1)
		epoll_ctl(epoll, EPOLL_CTL_DEL, target, NULL);
	if (dup3(fd, target, O_CLOEXEC) != -1)
		epoll_ctl(epoll, EPOLL_CTL_ADD, target, &event);
	if (saved == -1)
		close(target);
	else {
		dup3(saved, target, O_CLOEXEC);
		close(saved);
	}
}

static int
replace_descriptor(const struct slot *slot, int target, int fd)
{
	struct seccomp_notif_addfd replacement = {
		.id = slot->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)target,
		.newfd_flags = (uint32_t)(caller_flags(slot->caller, target) &
		    O_CLOEXEC),
	};

	return ioctl(slot->notify, SECCOMP_IOCTL_NOTIF_ADDFD,
	    &replacement) == -1 ? -1 : 0;
}

/* Replaces the descriptor, and then its duplicates. */
static int
replace_all(const struct slot *slot, const struct descriptor *list,
    size_t count, int fd)
{
	const struct descriptor *socket = slot->socket;
	size_t i;

	if (replace_descriptor(slot, socket->fd, fd) == -1)
		return -1;
	for (i = 0; i < count; i++)
		if (list[i].socket == socket->socket &&
		    list[i].fd != socket->fd)
			replace_descriptor(slot, list[i].fd, fd);
	return 0;
}

int
install_listener(struct slot *slot, int fd)
{
	struct registrations registrations = { NULL, 0 };
	struct descriptor *list;
	size_t i, count = caller_descriptors(slot->caller, &list);
	int status, error;

	for (i = 0; i < count; i++)
		if (list[i].epoll)
			read_registrations(slot, list[i].fd, list, count,
			    &registrations);
	slot->deaf = !can_repair(slot, &registrations);
	status = slot->deaf ? -1 : replace_all(slot, list, count, fd);
	error = errno;
	for (i = 0; i < registrations.count; i++) {
		if (status == 0)
			repair(&registrations.list[i], slot->copy, fd);
		if (registrations.list[i].epoll != -1)
			close(registrations.list[i].epoll);
	}
	free(registrations.list);
	free(list);
	errno = error;
	return status;
}
