#include <sys/wait.h>

#include <stdio.h>

#include "client.h"
#include "handoff.h"

int
client_ending(const struct ending *ending)
{
	const struct child *client = &ending->client;
	const struct child *service = &ending->service;

	if (ending->failed)
		return W_EXITCODE(STATUS_FAILED, 0);
	if (ending->told != 0)
		return client->ended && !ending->forced ? client->status :
		    ending->told;
	if (!ending->service_first)
		return client->status;
	if (WIFSIGNALED(service->status))
		return W_EXITCODE(128 + WTERMSIG(service->status), 0);
	if (WEXITSTATUS(service->status) != 0)
		return service->status;
	return client->ended && !ending->forced ? client->status :
	    W_EXITCODE(STATUS_FAILED, 0);
}

static bool
is_listening(const char *table, unsigned port)
{
	unsigned local, state;
	char line[512];
	bool found = false;
	FILE *file;

	file = fopen(table, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x",
		    &local, &state) == 2 && local == port && state == 0x0a;
	fclose(file);
	return found;
}

bool
client_awaits(unsigned port)
{
	return !is_listening("/proc/net/tcp", port) &&
	    !is_listening("/proc/net/tcp6", port);
}
