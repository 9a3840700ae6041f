/* SPDX-License-Identifier: ISC */
#ifndef OCCUPANT_H
#define OCCUPANT_H

/*
 * Who has a port, and why one cannot be had: for the message, as far as /proc
 * says it.
 */

#include "socket/listener.h"

/*
 * Adds to failure, which says with errno error that the listener could not be
 * bound, the process that has the port (EADDRINUSE), or what allows a port
 * that is root's (EACCES).  Leaves it alone if neither can be told.
 */
void	occupant_explain(const struct listener *listener, int error,
    struct failure *failure);

#endif
