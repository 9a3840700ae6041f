/* SPDX-License-Identifier: ISC */
#ifndef HINTS_H
#define HINTS_H

/*
 * What was typed, is taken as it stands, and was most likely meant otherwise.
 * A hint is one line and changes nothing.  There is none where the usage may
 * well be right.
 */

#include "handoff/launch.h"

/*
 * Logs the hints at a launch that is prepared and about to begin.  Makes no
 * system call but write(2), and reads the name of the addressee.
 */
void		hints_log(const struct launch *launch);

/*
 * Returns what to type where adopt failed for the reason that another
 * portexec's adopt holds, or ""; reason is the text of the failure.
 */
const char	*hints_nested(const char *reason);

#endif
