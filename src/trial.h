/* SPDX-License-Identifier: ISC */
#ifndef TRIAL_H
#define TRIAL_H

/*
 * --check: which handoffs work here, and what is in the way.
 */

#include "handoff/launch.h"

/*
 * Tries each handoff as a run would, up to where COMMAND would be executed, and
 * prints a line for each, and for what else a run may need, to standard output.
 * Returns EXIT_SUCCESS if adopt works; else STATUS_FAILED, with the reason in
 * failure if standard output could not be written.
 */
int	trial_print(struct launch *launch, struct failure *failure);

#endif
