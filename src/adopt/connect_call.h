/* SPDX-License-Identifier: ISC */
#ifndef CONNECT_CALL_H
#define CONNECT_CALL_H

/*
 * One connect(2) of service or client, to a port of --map: it meets our
 * listener.  The service's own does only while a process of the service's has
 * bound the port: it is refused otherwise, as on a free port.
 *
 * The keeper makes the connection on a copy of the descriptor, but does not
 * wait for it.  If the caller does, its own call continues: the kernel finds
 * that the socket is connecting, ignores the address and waits by itself, so
 * signals and time limits are the caller's (SS_CONNECTING in
 * __inet_stream_connect() of the kernel's net/ipv4/af_inet.c).
 */

#include "adopt/adoption.h"
#include "adopt/examine.h"

/*
 * Begins the connection.  Returns what the call is to return: 0 or an errno; or
 * CONTINUE_CALL.
 */
int	connect_call_decide(struct adoption *adoption,
    const struct call *call);

#endif
