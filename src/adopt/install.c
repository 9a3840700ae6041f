#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/install.h"
#include "process/procfs.h"

/* One registration of the service's socket with an epoll instance. */
struct registration {
	int			epoll, number;
	struct epoll_event	event;
};

static size_t
read_registrations(const struct caller *caller, int epoll, ino_t inode,
    const struct descriptor *list, size_t count,
    struct registration **registrations, size_t have)
{
	struct registration registration = { .epoll = epoll }, *grown;
	unsigned long long number, events, data;
	char line[128];
	struct procfs file;
	size_t i;

	if (procfs_open(&file, "%d/fdinfo/%d", caller->thread, epoll) == -1)
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
		grown[have++] = registration;
	}
	procfs_close(&file);
	return have;
}

/*
 * epoll knows a file by its number as well: the registration is made with
 * our socket at the service's number, in a process whose numbers are free.
 */
static void
repair_registrations(const struct caller *caller, int old, int fd,
    const struct registration *registrations, size_t count)
{
	struct epoll_event event;
	int epoll, number, ours, theirs;
	size_t i;
	pid_t child;

	if (count == 0 || (child = fork()) == -1)
		return;
	if (child > 0) {
		waitpid(child, NULL, 0);
		return;
	}
	for (i = 0; i < count; i++) {
		number = registrations[i].number;
		event = registrations[i].event;
		epoll = caller_copy(caller, registrations[i].epoll);
		epoll = fcntl(epoll, F_DUPFD, number + 1);
		theirs = fcntl(old, F_DUPFD, number + 1);
		ours = fcntl(fd, F_DUPFD, number + 1);
		/* The old socket lives on where another process has it. */
		if (dup2(theirs, number) != -1)
			epoll_ctl(epoll, EPOLL_CTL_DEL, number, NULL);
		if (dup2(ours, number) != -1)
			epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event);
		old = theirs;
		fd = ours;
	}
	_exit(0);
}

static int
replace_descriptor(const struct slot *slot, const struct descriptor *old,
    int fd)
{
	struct seccomp_notif_addfd replacement = {
		.id = slot->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)old->number,
		.newfd_flags = (uint32_t)(old->flags & O_CLOEXEC),
	};

	return ioctl(slot->notify, SECCOMP_IOCTL_NOTIF_ADDFD,
	    &replacement) == -1 ? -1 : 0;
}

int
install_listener(const struct slot *slot, int fd)
{
	const struct descriptor *socket = slot->socket;
	struct registration *registrations = NULL;
	struct descriptor *list;
	size_t i, known = 0, count = caller_descriptors(slot->caller, &list);
	int status;

	for (i = 0; i < count; i++)
		if (list[i].epoll)
			known = read_registrations(slot->caller,
			    list[i].number, socket->socket, list, count,
			    &registrations, known);
	status = replace_descriptor(slot, socket, fd);
	for (i = 0; status == 0 && i < count; i++)
		if (list[i].socket == socket->socket &&
		    list[i].number != socket->number)
			replace_descriptor(slot, &list[i], fd);
	if (status == 0)
		repair_registrations(slot->caller, slot->copy, fd,
		    registrations, known);
	free(registrations);
	free(list);
	return status;
}
