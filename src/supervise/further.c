/* SPDX-License-Identifier: ISC */
#include "supervise/further.h"
#include "supervise/run.h"
#include "supervise/survey.h"

enum { FIRST_MS = 500, LAST_MS = 32000 };

/* Whether the port is in the list and was not spoken of.  Now it was. */
static bool
take_port(struct beside *beside, unsigned port)
{
	size_t i;

	for (i = 0; i < beside->count; i++)
		if (beside->list[i].port == port && !beside->list[i].said) {
			beside->list[i].said = true;
			return true;
		}
	return false;
}

static bool
all_said(const struct beside *beside)
{
	size_t i;

	for (i = 0; i < beside->count; i++)
		if (!beside->list[i].said)
			return false;
	return true;
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
	const struct beside *beside = &run->adoption.beside;
	int64_t now;

	if (beside->count == further->seen && further->look_at == 0)
		return -1;
	now = events_clock();
	if (beside->count != further->seen) {
		further->seen = beside->count;
		further->pause = FIRST_MS;
		further->look_at = now + further->pause;
	}
	if (now < further->look_at)
		return (int)(further->look_at - now);
	if (run->state == RUN_GOING)
		say(run);
	further->look_at = 0;
	further->pause *= 2;
	if (run->state != RUN_GOING || all_said(beside) ||
	    further->pause > LAST_MS)
		return -1;
	further->look_at = now + further->pause;
	return further->pause;
}
