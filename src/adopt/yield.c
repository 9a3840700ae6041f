/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "adopt/holders.h"
#include "adopt/queue.h"
#include "adopt/yield.h"

/*
 * Yields the TCP listeners that no process holds.  Returns whether any of them
 * was yielded to nobody until now.
 */
static bool
yield_ports(struct adoption *adoption, struct caller *caller)
{
	struct listener *listener;
	bool listened = false;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		listener = &adoption->listeners->list[i];
		if (listener->reserve != -1 && listener->fd != -1 &&
		    !holders_is_held(adoption, listener))
			listened |= holders_yield(adoption, listener, caller);
	}
	return listened;
}

void
yield_to_unreadable(struct adoption *adoption, struct caller *caller,
    size_t length)
{
	const char *why = strerror(errno);
	bool may_be_ip = length == sizeof(struct sockaddr_in) ||
	    length == sizeof(struct sockaddr_in6) ||
	    length == sizeof(struct sockaddr_storage);

	adoption_close_lost_paths(adoption, caller->process);
	if (may_be_ip && yield_ports(adoption, caller) &&
	    !adoption->said_unreadable) {
		log_info(adoption->log, "process %d cannot be read: %s; "
		    "nothing listens until it binds the port, or ends",
		    caller->process, why);
		adoption->said_unreadable = true;
	} else
		log_debug(adoption->log, "process %d cannot be read: %s",
		    caller->process, why);
}

void
yield_to_deaf(struct adoption *adoption, struct listener *listener,
    struct caller *caller, const union address *asked, socklen_t length)
{
	const char *why = strerror(errno);
	char text[ADDR_MAX];

	if (listener->reserve != -1 && !holders_is_held(adoption, listener))
		holders_yield(adoption, listener, caller);
	address_format(asked, length, text);
	(adoption->said_deaf ? log_debug : log_info)(adoption->log,
	    "process %d has an epoll instance that cannot be reached: %s; "
	    "it binds %s itself", caller->process, why, text);
	adoption->said_deaf = true;
}

/* Whether the process listens on the socket that it was given. */
static bool
is_listening(const struct caller *caller, const struct holder *holder)
{
	int copy = caller_copy(caller, holder->fd), listening = 0;
	socklen_t length = sizeof(listening);
	struct stat status;

	if (copy == -1)
		return false;
	if (fstat(copy, &status) == 0 && status.st_ino == holder->socket)
		getsockopt(copy, SOL_SOCKET, SO_ACCEPTCONN, &listening,
		    &length);
	close(copy);
	return listening != 0;
}

/* Clients that waited there do not go on to the other address by themselves. */
static void
report_beside(const struct adoption *adoption, const struct request *asked,
    const struct listener *listener, pid_t process, unsigned queued)
{
	char text[ADDR_MAX];

	address_format(&asked->address, asked->length, text);
	(queued > 0 ? log_info : log_debug)(adoption->log, "process %d listens "
	    "on %s and not on %s, whose clients are refused: try -l '%s'",
	    process, text, listener->addr, asked->family == AF_INET6 ?
	    "[::1]:0" : "127.0.0.1:0");
}

bool
yield_to_listening(struct adoption *adoption, struct listener *listener)
{
	struct request asked;
	struct holder *holder;
	struct caller caller;
	bool waits = false;
	unsigned queued;
	pid_t process;

	if (listener->inherited || listener->fd == -1 ||
	    holders_is_held(adoption, listener))
		return true;
	for (holder = adoption->holders; holder != NULL;
	    holder = holder->next) {
		if (holder->yielded || holder->listener->type !=
		    listener->type || holder->listener->port != listener->port)
			continue;
		process = holders_who_holds(holder);
		if (process == 0 || !caller_identify(&caller, process))
			continue;
		waits = !is_listening(&caller, holder);
		asked = holder->asked;
		queued = queue_length(listener);
		if (!waits && holders_yield(adoption, listener, &caller))
			report_beside(adoption, &asked, listener, process,
			    queued);
		caller_close(&caller);
		if (!waits)
			return true;
	}
	return !waits;
}
