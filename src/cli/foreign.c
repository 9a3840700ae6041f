/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <string.h>

#include "cli/foreign.h"

#define NAME	"write -l NAME=ADDRESS"
#define ADDRESS	"write -l HOST:PORT"
#define BEHIND	"write -b"

static const struct {
	int	key;	/* 0: it has no letter */
	char	name[10], instead[56];
} rows[] = {
	{ 'd', "datagram", "write -l udp:PORT, or -l unixgram:PATH" },
	{ 0, "seqpacket", "write -l unixpacket:PATH" },
	{ 0, "fdname", NAME },
	{ 'E', "setenv", "write -e NAME=VALUE" },
	{ 'a', "accept", "write portexec -- systemd-socket-activate -a "
	    "COMMAND" },
	{ 0, "now", "it is what portexec does without --on-demand" },
	{ 0, "name", NAME },
	{ 0, "host", ADDRESS },
	{ 0, "address", ADDRESS },
	{ 0, "addr", ADDRESS },
	{ 0, "bind", ADDRESS },
	{ 0, "tcp", "write -l tcp:PORT" },
	{ 0, "udp", "write -l udp:PORT" },
	{ 0, "unix", "write -l PATH" },
	{ 0, "timeout", "write -t SECONDS, or timeout SECONDS portexec" },
	{ 0, "signal", "write -s SIGNAL" },
	{ 0, "wait", "a client can connect before COMMAND starts; -c runs "
	    "one" },
	{ 0, "daemon", BEHIND },
	{ 0, "daemonize", BEHIND },
	{ 0, "detach", BEHIND },
};

const char *
foreign_option(const char *name, int key)
{
	size_t i, length = name == NULL ? 0 : strcspn(name, "=");

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (name == NULL ? rows[i].key != 0 && rows[i].key == key :
		    strlen(rows[i].name) == length &&
		    strncmp(name, rows[i].name, length) == 0)
			return rows[i].instead;
	return NULL;
}
