/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include "adopt/any_port.h"
#include "adopt/aside.h"

static struct map *
find_any(const struct maps *maps)
{
	size_t i;

	for (i = 0; i < maps->count; i++)
		if (maps->list[i].is_any)
			return &maps->list[i];
	return NULL;
}

static bool
may_take(const struct adoption *adoption, const struct request *request)
{
	const union address *address = &request->address;
	unsigned port = address_port(address);

	return request->type == SOCK_STREAM && request->standard &&
	    request->same_network && port != 0 &&
	    (address_is_loopback(address) || address_is_wildcard(address)) &&
	    !aside_is_port(port, adoption->command, adoption->node_options);
}

static void
keep(struct beside *beside, unsigned port)
{
	size_t i;

	for (i = 0; i < beside->count; i++)
		if (beside->list[i].port == port)
			return;
	if (beside->count < BESIDE_MAX)
		beside->list[beside->count++].port = port;
}

struct map *
any_port_take(struct adoption *adoption, const struct call *call)
{
	const struct request *request = &call->request;
	struct map *map = find_any(adoption->maps);
	unsigned port = address_port(&request->address);

	if (map == NULL || call->is_bound || !may_take(adoption, request))
		return NULL;
	if (map->port != 0) {
		keep(&adoption->beside, port);
		return NULL;
	}
	map->port = port;
	return map;
}

void
any_port_settle(const struct adoption *adoption, struct map *map,
    const struct call *call, bool given)
{
	char name[PROCFS_NAME_MAX];

	if (given) {
		procfs_name(call->caller.process, name);
		log_info(adoption->log, "%s binds %u: given %s", name,
		    map->port, adoption->listeners->list[map->socket].addr);
	} else
		map->port = 0;
}

bool
any_port_is_free(const struct maps *maps)
{
	const struct map *map = find_any(maps);

	return map != NULL && map->port == 0;
}
