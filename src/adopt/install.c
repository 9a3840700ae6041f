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

/* Where else than at its own descriptor the service has the socket. */
struct places {
	int			*copies;	/* descriptors; owned */
	struct registration	*registrations;	/* owned */
	size_t			 copy_count, registration_count;
};

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
append_copy(struct places *places, int fd)
{
	int *grown = reallocarray(places->copies, places->copy_count + 1,
	    sizeof(*grown));

	if (grown == NULL)
		return;
	places->copies = grown;
	grown[places->copy_count++] = fd;
}

static void
append_registration(struct places *places, struct registration *registration,
    const struct caller *caller, int epoll)
{
	struct registration *grown = reallocarray(places->registrations,
	    places->registration_count + 1, sizeof(*grown));

	if (grown == NULL)
		return;
	registration->epoll = caller_copy(caller, epoll);
	registration->error = errno;
	places->registrations = grown;
	grown[places->registration_count++] = *registration;
}

/* Appends the registrations of the socket with one epoll instance. */
static void
find_registrations(const struct slot *slot, int epoll, struct places *places)
{
	struct registration registration;
	struct procfs file;
	char line[128];

	if (procfs_open(&file, "%d/fdinfo/%d", slot->caller->thread,
	    epoll) == -1)
		return;
	while (procfs_text(&file, '\n', line, sizeof(line)))
		if (parse_registration(line, &registration) &&
		    caller_socket(slot->caller, registration.fd) ==
		    slot->inode)
			append_registration(places, &registration,
			    slot->caller, epoll);
	procfs_close(&file);
}

static void
find_places(const struct slot *slot, struct places *places)
{
	struct descriptor descriptor;
	struct descriptors all;

	caller_begin_descriptors(slot->caller, &all, slot->copy, slot->inode);
	while (caller_next_descriptor(&all, &descriptor))
		if (descriptor.epoll)
			find_registrations(slot, descriptor.fd, places);
		else if (descriptor.same && descriptor.fd != slot->fd)
			append_copy(places, descriptor.fd);
	caller_end_descriptors(&all);
}

/*
 * Returns whether every registration can be repaired.  If not, sets errno.
 */
static bool
can_repair(const struct slot *slot, const struct places *places)
{
	const struct registration *registration;
	size_t i;
	int fd;

	for (i = 0; i < places->registration_count; i++) {
		registration = &places->registrations[i];
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
replace_descriptor(const struct slot *slot, int target, int flags, int fd)
{
	struct seccomp_notif_addfd replacement = {
		.id = slot->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)target,
		.newfd_flags = (uint32_t)(flags & O_CLOEXEC),
	};

	return ioctl(slot->notify, SECCOMP_IOCTL_NOTIF_ADDFD,
	    &replacement) == -1 ? -1 : 0;
}

/*
 * Replaces the descriptor, and then its duplicates.  Another thread may have
 * closed one meanwhile, and have opened a file that got its number.  So each is
 * looked at once more, last of all: only what happens after that is not seen.
 */
static int
replace_all(const struct slot *slot, const struct places *places, int fd)
{
	size_t i;
	int copy, flags;

	if (replace_descriptor(slot, slot->fd, slot->flags, fd) == -1)
		return -1;
	for (i = 0; i < places->copy_count; i++) {
		copy = places->copies[i];
		flags = caller_flags(slot->caller, copy);
		if (caller_socket(slot->caller, copy) == slot->inode)
			replace_descriptor(slot, copy, flags, fd);
	}
	return 0;
}

int
install_listener(struct slot *slot, int fd)
{
	struct places places = { NULL, NULL, 0, 0 };
	struct registration *registration;
	int status, error;
	size_t i;

	find_places(slot, &places);
	slot->deaf = !can_repair(slot, &places);
	status = slot->deaf ? -1 : replace_all(slot, &places, fd);
	error = errno;
	for (i = 0; i < places.registration_count; i++) {
		registration = &places.registrations[i];
		if (status == 0)
			repair(registration, slot->copy, fd);
		if (registration->epoll != -1)
			close(registration->epoll);
	}
	free(places.registrations);
	free(places.copies);
	errno = error;
	return status;
}
