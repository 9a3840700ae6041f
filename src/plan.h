/* SPDX-License-Identifier: ISC */
#ifndef PLAN_H
#define PLAN_H

/*
 * The decisions that follow from the options: which handoff, what the service
 * is passed, which socket each map means, and which combinations are refused.
 * Makes no system call.
 */

#include "handoff/launch.h"

/*
 * Returns the placeholders (template.h) that the service will read: those in
 * COMMAND's arguments, in -e and in -w.  A set of 1 << enum placeholder.  A
 * fixed -l port that is told there (told.h) is in it as PLACEHOLDER_PORT.
 */
unsigned	plan_placeholders(const struct options *options,
    const struct port_files *files);

/*
 * Returns the handoff.  The first of these that applies decides:
 *	-H		the one that it names
 *	<fd>, --inetd	inherit: the service takes a descriptor
 *	<port>, <addr>, --map
 *			adopt: the service binds its port itself
 *	none of these	inherit
 * placeholders is what plan_placeholders() returned.
 */
enum handoff	plan_handoff(const struct options *options,
    unsigned placeholders);

/*
 * Refuses combinations of options that make no sense.  inherited is the
 * number of sockets that portexec itself inherited, without those that -l names
 * by fd:N.  Returns 0, or -1 with
 * the reason in failure.
 */
int		plan_check(const struct options *options,
    enum handoff handoff, size_t inherited, struct failure *failure);

/*
 * Returns how the service is passed its sockets.  Under adopt it can do
 * without descriptors, because it binds its port.  So it is passed none if -H
 * asked for adopt: some services fail where they are told a port and passed
 * sockets too.  Nor if occupied: the caller has one of their numbers open.
 */
enum audience	plan_audience(const struct options *options,
    enum handoff handoff, bool occupied);

/*
 * Stores in each map the index of its socket among the listeners.  Returns 0,
 * or -1 with the reason in failure: there is no such socket, or it is a unix
 * socket.
 */
int		plan_maps(const struct maps *maps,
    const struct listeners *listeners, struct failure *failure);

/*
 * Whether portexec may fall back to reserve where adopt is impossible: without
 * -H and --map, and if portexec made all the sockets and all are for TCP.
 */
bool		plan_may_reserve(const struct launch *launch);

/*
 * Returns what the service reads.  A shell gives a service that it starts
 * beside a test no standard input either.  /dev/null would end those that read
 * until end-of-file.  A service with an argument such as - is one that is to
 * read.
 */
enum input	plan_input(const struct options *options);

/*
 * Whether portexec stays while the service runs: under adopt, and with -c, -s
 * or -t.
 */
bool		plan_is_supervised(const struct launch *launch);

#endif
