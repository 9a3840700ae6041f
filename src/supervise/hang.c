/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/any_port.h"
#include "supervise/client.h"
#include "supervise/hang.h"
#include "supervise/hint.h"
#include "supervise/run.h"

enum {
	FIRST_LOOK_MS = 1000,	/* at a queue, after a client has come */
	PATIENCE_MS = 3000,	/* that clients wait before a report */
	LOOK_MOST_MS = 15000,	/* between two looks */
	LOOK_LEAST_MS = 100,
	SHORT_LIMIT_MS = 10 * PATIENCE_MS	/* -t: look early */
};

static const int64_t NEVER = INT64_MAX;

static bool
waits(const struct watch *watch)
{
	return watch->since != 0 && !watch->settled &&
	    (watch->listener->fd != -1 || watch->listener->reserve != -1);
}

/* -t ends what waits for a socket that was not handed over. */
static bool
is_limited(const struct run *run, const struct watch *watch)
{
	return run->launch->options->start_timeout > 0 && waits(watch) &&
	    !watch->given;
}

void
hang_begin(struct run *run)
{
	struct adoption *adoption = &run->adoption;
	size_t i;

	run->hang.look_at = NEVER;
	for (i = 0; i < adoption->listeners->count; i++)
		if (run->launch->handoff == RESERVE &&
		    adoption->listeners->list[i].reserve != -1)
			adoption->watches[i].since = run->service.started_at;
	adoption->waits_changed = true;
}

/*
 * Whether it waits still, when it is looked at.  Who listens on a reserved port
 * may do so for a moment: that counts once the client has been started.
 */
static bool
look_at_watch(struct run *run, struct watch *watch)
{
	bool reserved = run->launch->handoff == RESERVE, served;

	if (!waits(watch))
		return false;
	served = reserved ? client_is_served(watch) :
	    !queue_look(&watch->queue, watch->listener);
	if (!reserved || !run_has_client(run))
		watch->settled = served;
	else
		watch->settled = run->client.pid != 0;
	return !watch->settled && !served;
}

/* "3", "0.7" */
static struct seconds
describe_time(int64_t milliseconds)
{
	return seconds_text(milliseconds, milliseconds % 1000 == 0 ||
	    milliseconds >= PATIENCE_MS ? 0 : 1);
}

static void
format_clients(const struct run *run, const struct watch *watch,
    char text[48])
{
	text[0] = '\0';
	if (run->launch->handoff == RESERVE)
		return;
	if (watch->listener->type == SOCK_DGRAM)
		strlcpy(text, ", datagrams queued", 48);
	else
		snprintf(text, 48, ", %u client%s queued",
		    watch->queue.length, watch->queue.length == 1 ? "" : "s");
}

/* The second socket of a group has the port of the first. */
static size_t
find_number(const struct listeners *listeners, const struct listener *listener)
{
	size_t i = 0;

	while (i + 1 < listeners->count && &listeners->list[i] != listener &&
	    (listeners->list[i].port != listener->port || listener->port == 0))
		i++;
	return i;
}

static struct awaited
describe(const struct run *run, const struct watch *watch,
    const struct survey *survey, char names[2][PROCFS_NAME_MAX])
{
	procfs_name(survey->stopped, names[0]);
	procfs_name(survey->apart, names[1]);
	return (struct awaited){ .handoff = run->launch->handoff,
	    .listener = watch->listener, .number = find_number(
	    &run->launch->listeners, watch->listener), .given = watch->given,
	    .has_ring = run->adoption.has_ring, .survey = survey,
	    .any = any_port_is_free(run->adoption.maps),
	    .stopped = names[0], .apart = names[1] };
}

/* Stores "still waiting for ./legacy to bind 8080 (3 s, 1 client queued)". */
static void
compose(const struct run *run, const struct watch *watch, int64_t now,
    char text[LOG_MAX])
{
	const struct listener *listener = watch->listener;
	const char *verb = run->launch->handoff == RESERVE ? "listen on" :
	    run->launch->handoff == INHERIT || watch->given ? "accept on" :
	    "bind";
	char clients[48], port[8], label[LABEL_MAX];
	bool named = listener_label(listener, label)[0] != '\0';

	format_clients(run, watch, clients);
	snprintf(port, sizeof(port), "%u", listener->port);
	snprintf(text, LOG_MAX, "still waiting for %s to %s %s%s%s%s (%s s%s)",
	    run->launch->command[0], verb,
	    listener_is_unix(listener) ? listener->addr : port,
	    named ? " (" : "", named ? listener->name : "", named ? ")" : "",
	    describe_time(now - watch->since).text, clients);
}

/* Reports the clients that wait, where there is a new hint. */
static void
report(struct run *run, struct watch *watch, const struct survey *survey,
    int64_t now)
{
	char names[2][PROCFS_NAME_MAX], hint[HINT_MAX], text[LOG_MAX];
	struct awaited awaited = describe(run, watch, survey, names);

	hint_make(&awaited, hint);
	compose(run, watch, now, text);
	strlcat(text, hint, sizeof(text));
	if (now - watch->since >= PATIENCE_MS && (watch->said == NULL ||
	    strcmp(watch->said, hint) != 0)) {
		log_error("%s", text);
		free(watch->said);
		watch->said = strdup(hint);
	}
	/* Of several, the first one that -t concerns counts. */
	if (is_limited(run, watch) || run->hang.last[0] == '\0')
		strlcpy(run->hang.last, text, sizeof(run->hang.last));
}

/* Notices what may be a start that takes long, and no hang. */
static void
note_progress(struct run *run, const struct survey *survey, int64_t now)
{
	struct hang *hang = &run->hang;

	if (hang->calls != run->adoption.calls ||
	    (hang->programs != 0 && hang->programs != survey->programs)) {
		hang->progress_at = now;
		hang->announced = false;
	}
	hang->calls = run->adoption.calls;
	hang->programs = survey->programs;
}

/*
 * Returns when -t ends the run; NEVER if nobody waits whom it is for.  limited
 * is the watch that it is counted from.
 */
static int64_t
find_limit(const struct run *run)
{
	int64_t since = NEVER;
	const struct watch *watch;
	size_t i;

	for (i = 0; i < run->adoption.listeners->count; i++) {
		watch = &run->adoption.watches[i];
		if (is_limited(run, watch) && watch->since < since)
			since = watch->since;
	}
	if (since == NEVER)
		return NEVER;
	if (since < run->hang.progress_at)
		since = run->hang.progress_at;
	return since + run->launch->options->start_timeout;
}

static void
check_limit(struct run *run, int64_t end, int64_t now)
{
	int limit = run->launch->options->start_timeout;

	if (end == NEVER || now < end - limit / 10)
		return;
	if (now >= end)
		run_time_out(run);
	else if (!run->hang.announced) {
		log_error("giving up in %s s (-t), %s",
		    describe_time(end - now).text, run->hang.last);
		run->hang.announced = true;
	}
}

/* Returns when a listener whose clients wait is to be looked at again. */
static int64_t
choose_next(const struct run *run, const struct watch *watch, int64_t now)
{
	int64_t waited = now - watch->since, pause = waited / 4;
	int part = run->launch->options->start_timeout / 10;

	if (!waits(watch))
		return NEVER;
	if (waited < FIRST_LOOK_MS)
		pause = FIRST_LOOK_MS - waited;
	else if (waited < PATIENCE_MS)
		pause = PATIENCE_MS - waited;
	else if (pause < FIRST_LOOK_MS)
		pause = FIRST_LOOK_MS;
	if (pause > LOOK_MOST_MS)
		pause = LOOK_MOST_MS;
	if (is_limited(run, watch) && pause > part)
		pause = part < LOOK_LEAST_MS ? LOOK_LEAST_MS : part;
	return now + pause;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Looks at all that wait, and says what is to be said. */
static void
look(struct run *run, int64_t now)
{
	struct adoption *adoption = &run->adoption;
	int limit = run->launch->options->start_timeout;
	struct survey survey;
	struct watch *watch;
	bool surveyed = false;
	size_t i;

	for (i = 0; i < adoption->listeners->count; i++) {
		watch = &adoption->watches[i];
		if (!waits(watch) || now - watch->since < sooner(FIRST_LOOK_MS,
		    limit > 0 ? limit / 10 : NEVER) ||
		    !look_at_watch(run, watch) ||
		    (now - watch->since < PATIENCE_MS &&
		    (limit <= 0 || limit > SHORT_LIMIT_MS)))
			continue;
		if (!surveyed) {
			survey_take(&survey, run->client.pid, adoption);
			note_progress(run, &survey, now);
			run->hang.last[0] = '\0';
		}
		surveyed = true;
		report(run, watch, &survey, now);
	}
}

int
hang_step(struct run *run)
{
	struct adoption *adoption = &run->adoption;
	struct hang *hang = &run->hang;
	int64_t now, end;
	size_t i;

	if (run->state != RUN_GOING || run->front == -1 ||
	    run->stop_signal != 0)
		return -1;
	if (!adoption->waits_changed && hang->look_at == NEVER)
		return -1;
	now = events_clock();
	if (!adoption->waits_changed && now < hang->look_at)
		return (int)(hang->look_at - now);
	adoption->waits_changed = false;
	look(run, now);
	end = find_limit(run);
	check_limit(run, end, now);
	hang->look_at = end == NEVER ? NEVER : now < end -
	    run->launch->options->start_timeout / 10 ?
	    end - run->launch->options->start_timeout / 10 : end;
	for (i = 0; i < adoption->listeners->count; i++)
		hang->look_at = sooner(hang->look_at, choose_next(run,
		    &adoption->watches[i], now));
	if (run->state != RUN_GOING)
		return 0;
	return hang->look_at == NEVER ? -1 : (int)(hang->look_at - now);
}

void
hang_review(struct run *run)
{
	struct adoption *adoption = &run->adoption;
	struct watch *watch;
	size_t i;

	if (run->hang.reviewed)
		return;
	run->hang.reviewed = true;
	for (i = 0; i < adoption->listeners->count; i++) {
		watch = &adoption->watches[i];
		if (watch->said != NULL && look_at_watch(run, watch))
			run->hang.awaited = true;
	}
}

/* Whether it may be that a client has come, without a look at the tables. */
static bool
may_be_reached(const struct run *run)
{
	const struct adoption *adoption = &run->adoption;
	size_t i;

	if (run->launch->handoff == RESERVE || adoption->adopted_at != 0)
		return true;
	for (i = 0; i < adoption->listeners->count; i++)
		if (adoption->watches[i].reached ||
		    !adoption_is_tcp(&adoption->listeners->list[i]))
			return true;
	return false;
}

void
hang_client_ended(struct run *run)
{
	char names[2][PROCFS_NAME_MAX], hint[HINT_MAX] = "";
	struct awaited awaited;
	struct survey survey;

	if (may_be_reached(run))
		return;
	survey_take(&survey, run->client.pid, &run->adoption);
	if (survey.place_count == 0 ||
	    queue_was_reached(run->adoption.listeners))
		return;
	awaited = describe(run, run->adoption.watches, &survey, names);
	hint_places(&awaited, hint);
	snprintf(run->hang.unreached, sizeof(run->hang.unreached),
	    "no client came to %s; %s listens on %s",
	    run->launch->listeners.list[0].addr, run->launch->command[0],
	    hint);
}

void
hang_end(struct run *run, bool failed)
{
	const struct hang *hang = &run->hang;

	hang_review(run);
	if (run->cause == CAUSE_TIMEOUT)
		log_error("gave up after %s s (-t), %s", describe_time(
		    run->launch->options->start_timeout).text, hang->last);
	else if ((failed || run->stop_signal != 0) && hang->awaited)
		log_error("ended %s", hang->last);
	else if (hang->unreached[0] != '\0')
		log_error("%s", hang->unreached);
}
