/* SPDX-License-Identifier: ISC */
#ifndef TOLD_H
#define TOLD_H

/*
 * Whether a service is told a port that -l gives by number, without a
 * placeholder: portexec -l 8080 -- ./server --port 8080.  Makes no system call.
 */

#include "cli/options.h"
#include "handoff/port_file.h"

/*
 * Returns whether the number of a fixed -l port stands
 *	in an argument of COMMAND, in -e or in -w, behind '=' or ':', and no
 *	letter or digit follows it;
 *	as an argument after an option that is -p or whose name holds port,
 *	listen, bind or addr;
 *	as the whole value of an -e.
 * Any other number may be a user, or a time: setpriv --reuid 1000.
 */
bool	told_port(const struct options *options,
    const struct port_files *files);

/* Returns whether word is an option that takes a port or an address. */
bool	told_is_option(const char *word);

#endif
