#include <sys/wait.h>

#include <netinet/tcp.h>

#include "client.h"
#include "launch.h"
#include "procfs.h"

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
	unsigned long long local, state;
	struct procfs file;
	char line[128];
	bool found = false;

	if (procfs_open(&file, "net/%s", table) == -1)
		return false;
	while (!found && procfs_text(&file, '\n', line, sizeof(line)))
		found = procfs_number(line, 2, 16, &local) && local == port &&
		    procfs_number(line, 5, 16, &state) && state == TCP_LISTEN;
	procfs_close(&file);
	return found;
}

bool
client_awaits(unsigned port)
{
	return !is_listening("tcp", port) &&
	    !is_listening("tcp6", port);
}
