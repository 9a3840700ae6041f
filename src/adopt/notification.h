/* SPDX-License-Identifier: ISC */
#ifndef NOTIFICATION_H
#define NOTIFICATION_H

/*
 * One reported system call, from the notification to the answer
 * (seccomp_unotify(2)).
 */

#include "adopt/adoption.h"

/*
 * Answers one bind(2) or connect(2), or takes note of an io_uring_setup(2),
 * which goes on.  Call this when reporter->notify, which is adoption's, is
 * readable.
 */
void	notification_answer(struct adoption *adoption,
    struct reporter *reporter);

#endif
