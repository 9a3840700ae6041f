/* SPDX-License-Identifier: ISC */
#ifndef ANY_PORT_H
#define ANY_PORT_H

/*
 * --map any: the first TCP port that the service binds by number is taken as if
 * --map had named it.
 */

#include "adopt/adoption.h"
#include "adopt/examine.h"

/*
 * Learns of a bind(2) that no listener matches.  Returns whether --map any
 * takes its port, and says so; then a listener matches.  It has to be for TCP,
 * at a loopback or wildcard address, and no port that a service has beside its
 * own (aside.h).  Ports that come too late go to adoption->beside.
 */
bool	any_port_take(struct adoption *adoption, const struct call *call);

#endif
