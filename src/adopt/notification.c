/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>

#include <linux/seccomp.h>
#include <unistd.h>

#include "adopt/bind_call.h"
#include "adopt/connect_call.h"
#include "adopt/examine.h"
#include "adopt/filter.h"
#include "adopt/notification.h"

#define ALONE	8	/* calls of one thread in a row */

/*
 * The keeper and a thread that calls again and again take turns.  Threads that
 * call at once do not: each would be woken on the keeper's processor.
 */
static void
choose_wakeup(struct reporter *reporter, pid_t caller)
{
	bool alone = reporter->in_a_row >= ALONE;

	if (caller != reporter->caller)
		reporter->in_a_row = 0;
	else if (!alone)
		reporter->in_a_row++;
	reporter->caller = caller;
	if (alone != (reporter->in_a_row >= ALONE))
		filter_take_turns(reporter->notify, !alone);
}

void
notification_answer(struct adoption *adoption, struct reporter *reporter)
{
	/* A newer kernel's structures may be longer: seccomp_unotify(2). */
	union {
		struct seccomp_notif notification;
		char room[1024];
	} in = { .room = { 0 } };
	union {
		struct seccomp_notif_resp response;
		char room[1024];
	} out = { .room = { 0 } };
	struct call call = { .reporter = reporter, .caller.pidfd = -1,
	    .copy = -1 };
	int decision = CONTINUE_CALL;

	if (ioctl(reporter->notify, SECCOMP_IOCTL_NOTIF_RECV,
	    &in.notification) == -1)
		return;
	out.response.id = call.id = in.notification.id;
	if (examine_call(adoption, &in.notification, &call))
		decision = call.kind == REPORTED_CONNECT ?
		    connect_call_decide(adoption, &call) :
		    bind_call_decide(adoption, &call);
	if (call.kind == REPORTED_BIND)
		adoption->calls++;
	if (decision == CONTINUE_CALL)
		out.response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		out.response.error = -decision;
	/* With our copy open, the old socket would outlive the call. */
	if (call.copy != -1)
		close(call.copy);
	caller_close(&call.caller);
	choose_wakeup(reporter, (pid_t)in.notification.pid);
	ioctl(reporter->notify, SECCOMP_IOCTL_NOTIF_SEND, &out.response);
}
