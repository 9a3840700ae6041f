#ifndef KEEPER_H
#define KEEPER_H

/*
 * The keeper's life: see supervise.h.
 */

#include "handoff.h"

/*
 * In a new child of the front.  channel is to the front: NOTE_READY or
 * NOTE_FAILED is sent first, then NOTE_GO awaited; then NOTE_STARTED is
 * sent, or NOTE_FAILED where the service could not be executed; NOTE_SIGNAL
 * and NOTE_STOP are obeyed; NOTE_ENDED or NOTE_LEFT ends it.  End-of-file
 * without NOTE_RELEASED says that the front was killed: then everything is
 * stopped.
 */
_Noreturn void	keeper_main(struct launch *launch, int channel);

#endif
