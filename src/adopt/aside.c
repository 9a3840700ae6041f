/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/aside.h"

static bool
names_port(const char *text, unsigned port)
{
	const char *at = text == NULL ? NULL : strstr(text, "--inspect"), *end;

	for (; at != NULL; at = strstr(end, "--inspect")) {
		end = at + strcspn(at, " ");
		at += strcspn(at, "= ");
		while (at < end && *at != '\0') {
			at++;
			if (isdigit((unsigned char)*at) &&
			    !isdigit((unsigned char)at[-1]) &&
			    strtoul(at, NULL, 10) == port)
				return true;
		}
	}
	return false;
}

bool
aside_is_port(unsigned port, char *const command[], const char *node_options)
{
	enum { NODE = 9229, NODE_LAST = 9239, JAVA = 5005, ERLANG = 4369 };
	size_t i;

	if ((port >= NODE && port <= NODE_LAST) || port == JAVA ||
	    port == ERLANG || names_port(node_options, port))
		return true;
	for (i = 1; command[0] != NULL && command[i] != NULL; i++)
		if (names_port(command[i], port))
			return true;
	return false;
}
