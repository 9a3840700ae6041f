/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "adopt/meeting.h"
#include "process/procfs.h"

/*
 * Whether the holder concerns a request for the listener's port.  Two listeners
 * of a group have one port.
 */
static bool
concerns(const struct holder *holder, const struct listener *listener)
{
	return !holder->yielded && (holder->listener == listener ||
	    (!listener_is_unix(listener) &&
	    holder->listener->type == listener->type &&
	    holder->listener->port == listener->port));
}

/*
 * The kernel asks what an option is now, not what it was at bind(2).  Ours has
 * it only if it was set afterwards, or by -l: that it was cleared is not seen.
 */
static void
learn_sharing(struct holder *holder)
{
	const struct listener *listener = holder->listener;

	if (!adoption_is_socket(listener, holder->socket))
		return;
	holder->asked.share_port |= adoption_has(listener, SO_REUSEPORT);
	holder->asked.share_address |= listener->type == SOCK_DGRAM &&
	    adoption_has(listener, SO_REUSEADDR);
}

/*
 * Whether the listener's own socket is not to be given while this is held: it
 * is the one that the holder was given, or was parked for its sake.
 */
static bool
stands_for(const struct adoption *adoption, const struct holder *holder,
    const struct listener *listener)
{
	return adoption_is_socket(listener, holder->socket) ||
	    (adoption_watch(adoption, listener)->parked &&
	    match_suits(&holder->asked, listener));
}

void
meeting_look(struct adoption *adoption, const struct call *call,
    const struct listener *listener, struct meeting *meeting)
{
	struct holder *holder, *next;
	enum conflict conflict;
	pid_t process;
	bool own;

	*meeting = (struct meeting){ .conflict = APART };
	for (holder = adoption->holders; holder != NULL &&
	    meeting->conflict != IN_USE; holder = next) {
		next = holder->next;
		if (!concerns(holder, listener))
			continue;
		own = stands_for(adoption, holder, listener);
		learn_sharing(holder);
		conflict = match_conflict(&holder->asked, &call->request);
		if (conflict == APART && (!own || meeting->taken))
			continue;
		/* Shared, or not held any more: it is given in either case. */
		process = conflict == SHARED && own &&
		    listener->type == SOCK_STREAM ? holder->process : 0;
		if (process == 0)
			process = holders_who_holds(holder);
		if (process == 0) {
			holders_forget(holder);
			continue;
		}
		meeting->taken |= own;
		if (conflict > meeting->conflict) {
			meeting->conflict = conflict;
			meeting->holder = holder;
			meeting->process = process;
		}
	}
}

void
meeting_say(struct adoption *adoption, const struct call *call,
    const struct meeting *meeting)
{
	char asked[ADDR_MAX], name[2][PROCFS_NAME_MAX];

	address_format(&call->request.address, call->request.length, asked);
	procfs_name(call->caller.process, name[0]);
	procfs_name(meeting->process, name[1]);
	(adoption->said_refused == call->caller.process ? log_debug :
	    log_info)(adoption->log, "process %d (%s) cannot bind %s: process "
	    "%d (%s) has it", call->caller.process, name[0], asked,
	    meeting->process, name[1]);
	adoption->said_refused = call->caller.process;
}
