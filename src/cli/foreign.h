/* SPDX-License-Identifier: ISC */
#ifndef FOREIGN_H
#define FOREIGN_H

/*
 * Options that portexec does not have and others do: systemd-socket-activate(1)
 * and timeout(1) among them.
 */

/*
 * Returns what to write instead of an option that portexec does not have, or
 * NULL.  It is --name, of which a value after '=' may be part, or, if name is
 * NULL, -key.
 */
const char	*foreign_option(const char *name, int key);

#endif
