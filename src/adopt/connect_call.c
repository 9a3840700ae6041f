/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>

#include "adopt/connect_call.h"
#include "adopt/holders.h"
#include "adopt/match.h"

static socklen_t
length_of(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->in) :
	    sizeof(address->in6);
}

/*
 * Begins the connection on the copy.  The flags are those of the socket, so the
 * caller's are others for a moment.
 */
static int
begin(int copy, const union address *target)
{
	int flags = fcntl(copy, F_GETFL);
	bool waits = (flags & O_NONBLOCK) == 0;
	int error = 0;

	if (flags == -1 ||
	    (waits && fcntl(copy, F_SETFL, flags | O_NONBLOCK) == -1))
		return CONTINUE_CALL;
	if (connect(copy, &target->any, length_of(target)) == -1)
		error = errno;
	if (waits)
		fcntl(copy, F_SETFL, flags);
	return waits && (error == EINPROGRESS || error == EALREADY) ?
	    CONTINUE_CALL : error;
}

int
connect_call_decide(struct adoption *adoption, const struct call *call)
{
	const struct request *request = &call->request;
	char asked[ADDR_MAX], met[ADDR_MAX];
	union address target;

	if (!match_target(request, adoption->listeners, adoption->maps,
	    &target) || (!call->reporter->is_clients &&
	    !holders_have_port(adoption, request->type,
	    address_port(&target))))
		return CONTINUE_CALL;
	address_format(&request->address, request->length, asked);
	address_format(&target, length_of(&target), met);
	log_debug(adoption->log, "process %d connects to %s: meets %s",
	    call->caller.process, asked, met);
	return begin(call->copy, &target);
}
