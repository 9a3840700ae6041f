#ifndef PLAN_H
#define PLAN_H

/*
 * What portexec is going to do, from what the caller asked for: which
 * handoff, what the service is passed, what each map means, and which
 * combinations are refused.  Pure.
 */

#include "handoff/launch.h"

/*
 * The placeholders (template.h) that stand where the service will read them:
 * in COMMAND's arguments, in -e and in -w.  A set of 1 << enum placeholder.
 */
unsigned	plan_placeholders(const struct options *options,
    const struct port_files *files);

/*
 * The handoff: -H's; else inherit, where <fd> or --inetd says that the
 * service takes a descriptor; else adopt, where <port>, <addr> or --map says
 * that it binds its port itself; else inherit.
 */
enum handoff	plan_handoff(const struct options *options, unsigned words);

/*
 * Refuses every combination that makes no sense: 0, or -1 with the reason in
 * failure.  inherited is how many sockets portexec was passed itself.
 */
int		plan_check(const struct options *options,
    enum handoff handoff, size_t inherited, struct failure *failure);

/*
 * How the service reads its sockets.  Under adopt it binds its port, so it
 * can do without descriptors: where one of those that it would get is
 * occupied by the caller's, it gets none.
 */
enum audience	plan_audience(const struct options *options,
    enum handoff handoff, bool occupied);

/*
 * Finds the socket of each map among the listeners.  0, or -1 with the reason
 * in failure.
 */
int		plan_maps(const struct maps *maps,
    const struct listeners *listeners, struct failure *failure);

/* Whether reserve may take the place of an adopt that is impossible. */
bool		plan_may_reserve(const struct launch *launch);

/* Whether portexec stays, as the service's parent. */
bool		plan_is_supervised(const struct launch *launch);

#endif
