#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"
#include "replace.h"

/* One registration of the service's socket with an epoll instance. */
struct registration {
	int			epoll;		/* a copy, owned; -1, and */
	int			error;		/* errno */
	int			number;
	struct epoll_event	event;
};

static size_t
read_registrations(const struct target *target, int epoll, ino_t inode,
    const struct descriptor *list, size_t count,
    struct registration **registrations, size_t have)
{
	struct registration registration, *grown;
	unsigned long long number, events, data;
	char line[128];
	struct procfs file;
	size_t i;

	if (procfs_open(&file, "%d/fdinfo/%d", target->thread, epoll) == -1)
		return have;
	while (procfs_text(&file, '\n', line, sizeof(line))) {
		if (strncmp(line, "tfd:", 4) != 0 ||
		    !procfs_number(line, 1, 10, &number) ||
		    !procfs_number(line, 3, 16, &events) ||
		    !procfs_number(line, 5, 16, &data))
			continue;
		registration.number = (int)number;
		registration.event.events = (uint32_t)events;
		registration.event.data.u64 = data;
		for (i = 0; i < count; i++)
			if (list[i].number == registration.number &&
			    list[i].socket == inode)
				break;
		grown = i == count ? NULL : reallocarray(*registrations,
		    have + 1, sizeof(*grown));
		if (grown == NULL)
			continue;
		*registrations = grown;
		registration.epoll = target_copy(target, epoll);
		registration.error = errno;
		grown[have++] = registration;
	}
	procfs_close(&file);
	return have;
}

/* Before anything is done; or sets errno. */
static bool
can_repair(int old, const struct registration *registrations, size_t count)
{
	size_t i;
	int fd;

	for (i = 0; i < count; i++) {
		if (registrations[i].epoll == -1)
			errno = registrations[i].error;
		else if (old == -1)
			errno = EPERM;
		else if ((fd = fcntl(old, F_DUPFD_CLOEXEC,
		    registrations[i].number)) == -1)
			errno = EMFILE;
		else {
			close(fd);
			continue;
		}
		return false;
	}
	return true;
}

/*
 * epoll knows a file by its number as well: that of the service is lent to
 * the old socket, and then to ours, whatever we have there ourselves.  A
 * forked process, with numbers of its own, would be no ancestor of the
 * service: it might not copy from that.
 */
static void
repair_registration(const struct registration *registration, int old, int fd)
{
	struct epoll_event event = registration->event;
	int epoll = registration->epoll, number = registration->number;
	int own = fcntl(number, F_DUPFD_CLOEXEC, 0);

	if (own == -1 && errno != EBADF)
		return;
	epoll = epoll == number ? own : epoll;
	old = old == number ? own : old;
	fd = fd == number ? own : fd;
	/* The old socket lives on where another process has it. */
	if (dup3(old, number, O_CLOEXEC) != -1)
		epoll_ctl(epoll, EPOLL_CTL_DEL, number, NULL);
	if (dup3(fd, number, O_CLOEXEC) != -1)
		epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event);
	if (own == -1)
		close(number);
	else {
		dup3(own, number, O_CLOEXEC);
		close(own);
	}
}

static int
replace_descriptor(const struct place *place, const struct descriptor *old,
    int fd)
{
	struct seccomp_notif_addfd replacement = {
		.id = place->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)old->number,
		.newfd_flags = (uint32_t)(old->flags & O_CLOEXEC),
	};

	return ioctl(place->notify, SECCOMP_IOCTL_NOTIF_ADDFD,
	    &replacement) == -1 ? -1 : 0;
}

int
replace_socket(struct place *place, int fd)
{
	const struct descriptor *socket = place->socket;
	struct registration *registrations = NULL;
	struct descriptor *list;
	size_t i, known = 0, count = target_descriptors(place->target, &list);
	int status, error;

	for (i = 0; i < count; i++)
		if (list[i].epoll)
			known = read_registrations(place->target,
			    list[i].number, socket->socket, list, count,
			    &registrations, known);
	place->deaf = !can_repair(place->copy, registrations, known);
	status = place->deaf ? -1 : replace_descriptor(place, socket, fd);
	error = errno;
	for (i = 0; status == 0 && i < count; i++)
		if (list[i].socket == socket->socket &&
		    list[i].number != socket->number)
			replace_descriptor(place, &list[i], fd);
	for (i = 0; i < known; i++) {
		if (status == 0)
			repair_registration(&registrations[i], place->copy,
			    fd);
		if (registrations[i].epoll != -1)
			close(registrations[i].epoll);
	}
	free(registrations);
	free(list);
	errno = error;
	return status;
}
