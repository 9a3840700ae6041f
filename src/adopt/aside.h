/* SPDX-License-Identifier: ISC */
#ifndef ASIDE_H
#define ASIDE_H

/*
 * Ports that a service may have beside its own, long before that one: an
 * inspector's, a debugger's.  Makes no system call.
 */

#include <stdbool.h>

/*
 * Whether the port is one of these.  command and node_options, which is the
 * value of NODE_OPTIONS or NULL, may name it.
 */
bool	aside_is_port(unsigned port, char *const command[],
    const char *node_options);

#endif
