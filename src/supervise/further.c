/* SPDX-License-Identifier: ISC */
#include "supervise/further.h"
#include "supervise/run.h"
#include "supervise/survey.h"

/* From bind(2), until listen(2) is expected to have been called. */
enum { PAUSE_MS = 500 };

/* Forgets the port, wherever it is in the list.  Returns whether it was. */
static bool
take_port(struct beside *beside, unsigned port)
{
	bool found = false;
	size_t i;

	for (i = 0; i < beside->count; i++)
		if (beside->ports[i] == port) {
			beside->ports[i] = 0;
			found = true;
		}
	return found;
}

static void
say(struct run *run)
{
	struct survey survey;
	char text[ADDR_MAX];
	unsigned port;
	size_t i;

	survey_take(&survey, run->client.pid, &run->adoption);
	for (i = 0; i < survey.place_count && i < SURVEY_MAX; i++) {
		port = address_port(&survey.places[i].address);
		if (!take_port(&run->adoption.beside, port))
			continue;
		address_format(&survey.places[i].address,
		    sizeof(survey.places[i].address), text);
		log_info(&run->launch->log, "%s also listens on %s: -m %u "
		    "takes that", run->launch->command[0], text, port);
	}
}

int
further_step(struct run *run)
{
	struct further *further = &run->further;
	size_t count = run->adoption.beside.count;
	int64_t now;

	if (count == further->seen && further->look_at == 0)
		return -1;
	now = events_clock();
	if (count != further->seen)
		further->look_at = now + PAUSE_MS;
	further->seen = count;
	if (now < further->look_at)
		return (int)(further->look_at - now);
	further->look_at = 0;
	if (run->state == RUN_GOING)
		say(run);
	return -1;
}
