/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <ctype.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/tree.h"
#include "socket/sock_table.h"
#include "supervise/survey.h"

/* Words of proc_pid_stat(5) after the name, from 0. */
enum { STAT_STATE = 0, STAT_STACK = 25 };

struct rows {
	struct place	*list;		/* owned */
	size_t		 count, room;
};

struct visit {
	struct survey		*survey;
	const struct listeners	*listeners;
	char *const		*command;
	struct rows		 rows;		/* that listen, here */
	ino_t			 network;
	struct rows		*looked;	/* of the process */
	bool			 apart;		/* it is elsewhere */
	pid_t			 pid;
};

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
survey_is_aside(unsigned port, char *const command[], const char *node_options)
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

void
survey_add(struct survey *survey, const struct place *place)
{
	struct place *places = survey->places;
	size_t i, kept = survey->place_count < SURVEY_MAX ?
	    survey->place_count : SURVEY_MAX;

	for (i = 0; i < kept; i++)
		if (places[i].inode == place->inode ||
		    address_port(&places[i].address) ==
		    address_port(&place->address))
			return;
	survey->place_count++;
	for (i = 0; i < kept && places[i].inode > place->inode; i++)
		;
	if (i == SURVEY_MAX)
		return;
	memmove(&places[i + 1], &places[i],
	    ((kept < SURVEY_MAX ? kept : SURVEY_MAX - 1) - i) *
	    sizeof(*places));
	places[i] = *place;
}

static void
keep_row(const struct sock_row *row, void *context)
{
	struct rows *rows = context;
	struct place *list;

	if (row->state != TCP_LISTEN || row->inode == 0)
		return;
	if (rows->count == rows->room) {
		list = reallocarray(rows->list, 2 * rows->room + 16,
		    sizeof(*list));
		if (list == NULL)
			return;
		rows->list = list;
		rows->room = 2 * rows->room + 16;
	}
	rows->list[rows->count++] = (struct place){ row->local, row->inode };
}

static bool
is_ours(const struct visit *visit, unsigned port)
{
	size_t i;

	for (i = 0; i < visit->listeners->count; i++)
		if (visit->listeners->list[i].port == port)
			return true;
	return false;
}

static void
find_socket(ino_t inode, void *context)
{
	struct visit *visit = context;
	const struct place *place;
	unsigned port;
	size_t i;

	for (i = 0; i < visit->looked->count; i++) {
		place = &visit->looked->list[i];
		port = address_port(&place->address);
		if (place->inode != inode)
			continue;
		if (visit->apart) {
			visit->survey->apart = visit->pid;
			visit->survey->apart_place = *place;
		} else if (survey_is_aside(port, visit->command,
		    getenv("NODE_OPTIONS")))
			visit->survey->aside = true;
		else if (!is_ours(visit, port))
			survey_add(visit->survey, place);
	}
}

static void
find_sockets(struct visit *visit)
{
	struct rows elsewhere = { NULL, 0, 0 };
	struct stat status;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", visit->pid);
	visit->apart = stat(path, &status) == 0 && visit->network != 0 &&
	    status.st_ino != visit->network;
	visit->looked = visit->apart ? &elsewhere : &visit->rows;
	if (visit->apart)
		sock_table_visit(visit->pid, TABLE_TCP, keep_row, &elsewhere);
	if (!sock_table_of_process(visit->pid, find_socket, visit))
		visit->survey->hidden = true;
	free(elsewhere.list);
}

/* Programs that hand their work to processes which descend from others. */
static bool
is_agent(const char *name)
{
	static const char *const agents[] = { "docker", "docker-compose",
	    "podman", "nerdctl", "kubectl", "tmux", "tmux: client", "screen",
	    "ssh", "systemd-run", "machinectl", "at", "batch" };
	size_t i;

	for (i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
		if (strcmp(name, agents[i]) == 0)
			return true;
	return false;
}

/*
 * The address of its stack, which is random, differs after execve(2).  It is 0
 * where it may not be known: then the name has to do.
 */
static void
look_at_process(pid_t pid, pid_t parent, void *context)
{
	struct visit *visit = context;
	struct survey *survey = visit->survey;
	char text[512] = "", name[PROCFS_NAME_MAX], *end;
	unsigned long long stack = 0, hash = (unsigned long long)pid;
	struct procfs file;
	const char *at;

	(void)parent;
	if (procfs_open(&file, "%d/stat", pid) == -1)
		return;
	procfs_text(&file, '\0', text, sizeof(text));
	procfs_close(&file);
	end = strrchr(text, ')');
	if (end == NULL)
		return;
	procfs_number(end + 1, STAT_STACK, 10, &stack);
	if (end[1] == ' ' && (end[2] == 'T' || end[2] == 't'))
		survey->stopped = pid;
	procfs_name(pid, name);
	for (at = name; *at != '\0'; at++)
		hash = hash * 31 + (unsigned char)*at;
	survey->programs += (hash + 1) * (2 * stack + 1);
	if (is_agent(name))
		strlcpy(survey->agent, name, sizeof(survey->agent));
	if (end[1] == ' ' && end[2] == 'Z')
		return;
	visit->pid = pid;
	find_sockets(visit);
}

void
survey_take(struct survey *survey, pid_t client,
    const struct listeners *listeners, char *const command[])
{
	struct visit visit = { .survey = survey, .listeners = listeners,
	    .command = command };
	struct stat status;

	memset(survey, 0, sizeof(*survey));
	if (stat("/proc/self/ns/net", &status) == 0)
		visit.network = status.st_ino;
	sock_table_visit(getpid(), TABLE_TCP, keep_row, &visit.rows);
	tree_visit_but(client, look_at_process, &visit);
	free(visit.rows.list);
}
