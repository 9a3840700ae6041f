/* SPDX-License-Identifier: ISC */
#ifndef KEEPER_H
#define KEEPER_H

/*
 * The keeper: makes service and client, answers bind(2), and waits until no
 * process is left.  front.h says what it is for.
 */

#include "handoff/exec.h"
#include "supervise/witness.h"

/*
 * Makes this process, a new child of the front, the keeper.  channel is to the
 * front; failure is room for a reason.  If there is a witness, service and
 * client are in the front's process group, else in the keeper's.  The keeper
 *	sends MSG_READY, or MSG_FAILED and exits;
 *	waits for MSG_GO;
 *	sends MSG_STARTED, or MSG_FAILED and exits if the service could not be
 *	executed;
 *	obeys MSG_SIGNAL and MSG_DELIVERED;
 *	sends MSG_LEFT if the service ended and left processes that go on, and
 *	stays for these after MSG_RELEASED;
 *	else sends MSG_ENDED when no process is left, and exits.
 * End-of-file without MSG_RELEASED says that the front was killed.  Then the
 * keeper stops all descendants.
 */
_Noreturn void	keeper_main(struct launch *launch, int channel,
    const struct witness *witness, struct failure *failure);

#endif
