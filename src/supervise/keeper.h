#ifndef KEEPER_H
#define KEEPER_H

/*
 * The keeper's life: see supervise.h.
 */

#include "handoff/exec.h"

/*
 * In a new child of the front.  channel is to the front: MSG_READY or
 * MSG_FAILED is sent first, then MSG_GO awaited; then MSG_STARTED is
 * sent, or MSG_FAILED where the service could not be executed; MSG_SIGNAL
 * and MSG_STOP are obeyed; MSG_ENDED or MSG_LEFT ends it.  End-of-file
 * without MSG_RELEASED says that the front was killed: then everything is
 * stopped.
 */
_Noreturn void	keeper_main(struct launch *launch, int channel);

#endif
