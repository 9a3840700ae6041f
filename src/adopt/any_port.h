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
 * Learns of a bind(2) that no listener matches.  If --map any takes its port,
 * returns the map, which is the adoption's, and NULL otherwise.  Then a
 * listener matches, and any_port_settle() is to be called.  The call has to be
 * for TCP, at a loopback or wildcard address, and for no port that a service
 * has beside its own (aside.h).  Ports that come too late go to
 * adoption->beside.
 */
struct map *any_port_take(struct adoption *adoption, const struct call *call);

/*
 * If the call was given a socket, says which port the map has taken.  If not,
 * gives the port back: another may be taken.
 */
void	any_port_settle(const struct adoption *adoption, struct map *map,
    const struct call *call, bool given);

/* Whether there is --map any, and it has taken no port yet. */
bool	any_port_is_free(const struct maps *maps);

#endif
