/* SPDX-License-Identifier: ISC */
#ifndef VALUES_H
#define VALUES_H

/*
 * The values of options, as -l SPEC and -k SECONDS have them.
 *
 * Each of these stores what the value says in options, which it may point into.
 * Each returns 0, or -1 with the reason in failure.
 */

#include "cli/options.h"

/* -l: appends the members of SPEC to specs. */
int	value_listen(struct options *options, const char *text,
    struct failure *failure);

/* -e, -w and -p: append to settings, or to files. */
int	value_env(struct options *options, const char *text,
    struct failure *failure);
int	value_write(struct options *options, const char *text,
    struct failure *failure);
int	value_port_file(struct options *options, const char *file,
    struct failure *failure);

int	value_map(struct options *options, const char *text,
    struct failure *failure);
int	value_kill_after(struct options *options, const char *text,
    struct failure *failure);
int	value_stop_signal(struct options *options, const char *text,
    struct failure *failure);
int	value_start_timeout(struct options *options, const char *text,
    struct failure *failure);
int	value_handoff(struct options *options, const char *text,
    struct failure *failure);

/* -c: may be given once. */
int	value_client(struct options *options, const char *script,
    struct failure *failure);

#endif
