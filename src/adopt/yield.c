/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>

#include "adopt/holders.h"
#include "adopt/yield.h"

/*
 * Yields the TCP listeners that no process holds.  Returns whether any of them
 * was yielded to nobody until now.
 */
static bool
yield_ports(struct adoption *adoption, struct caller *caller)
{
	struct holder_key key = { 0 };
	struct listener *listener;
	bool listened = false;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		key.listener = listener = &adoption->listeners->list[i];
		if (listener->reserve != -1 && listener->fd != -1 &&
		    holders_find(adoption, &key) == NULL)
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
	struct holder_key key = { .listener = listener };
	char text[ADDR_MAX];

	if (listener->reserve != -1 && holders_find(adoption, &key) == NULL)
		holders_yield(adoption, listener, caller);
	address_format(asked, length, text);
	(adoption->said_deaf ? log_debug : log_info)(adoption->log,
	    "process %d has an epoll instance that cannot be reached: %s; "
	    "it binds %s itself", caller->process, why, text);
	adoption->said_deaf = true;
}
