/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/aside.h"
#include "base/words.h"
#include "process/tree.h"
#include "socket/sock_table.h"
#include "supervise/survey.h"

/* Sockets that processes have open, by inode number. */
struct sockets {
	ino_t	*list;		/* owned */
	size_t	 count, room;
};

struct visit {
	struct survey		*survey;
	const struct adoption	*adoption;
	struct sockets		 sockets;	/* in our network */
	struct sockets		*kept;		/* where they are kept */
	ino_t			 network;
	pid_t			 pid;
};

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
keep_socket(ino_t inode, void *context)
{
	struct visit *visit = context;
	struct sockets *sockets = visit->kept;
	ino_t *list;
	size_t i;

	for (i = 0; i < visit->adoption->listeners->count; i++)
		if (visit->adoption->listeners->list[i].socket == inode)
			return;
	if (sockets->count == sockets->room) {
		list = reallocarray(sockets->list, 2 * sockets->room + 16,
		    sizeof(*list));
		if (list == NULL)
			return;
		sockets->list = list;
		sockets->room = 2 * sockets->room + 16;
	}
	sockets->list[sockets->count++] = inode;
}

static bool
listens(const struct visit *visit, const struct sock_row *row)
{
	size_t i;

	if (row->state != TCP_LISTEN || row->inode == 0)
		return false;
	for (i = 0; i < visit->kept->count; i++)
		if (visit->kept->list[i] == row->inode)
			return true;
	return false;
}

static void
find_place(const struct sock_row *row, void *context)
{
	struct visit *visit = context;
	const struct adoption *adoption = visit->adoption;
	struct place place = { row->local, row->inode };
	unsigned port = address_port(&row->local);
	size_t i;

	if (!listens(visit, row))
		return;
	for (i = 0; i < adoption->listeners->count; i++)
		if (adoption->listeners->list[i].port == port)
			return;
	if (aside_is_port(port, adoption->command, adoption->node_options))
		visit->survey->aside = true;
	else
		survey_add(visit->survey, &place);
}

static void
find_place_apart(const struct sock_row *row, void *context)
{
	struct visit *visit = context;

	if (!listens(visit, row))
		return;
	visit->survey->apart = visit->pid;
	visit->survey->apart_place = (struct place){ row->local, row->inode };
}

static void
find_sockets(struct visit *visit)
{
	struct sockets elsewhere = { NULL, 0, 0 };
	struct stat status;
	char path[40];
	bool apart;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", visit->pid);
	apart = stat(path, &status) == 0 && visit->network != 0 &&
	    status.st_ino != visit->network;
	visit->kept = apart ? &elsewhere : &visit->sockets;
	if (!sock_table_of_process(visit->pid, keep_socket, visit))
		visit->survey->hidden = true;
	if (elsewhere.count > 0)
		sock_table_visit(visit->pid, TABLE_TCP, find_place_apart,
		    visit);
	free(elsewhere.list);
}

/* Programs that hand their work to processes which descend from others. */
static bool
is_agent(const char *name)
{
	return words_have("docker,docker-compose,podman,nerdctl,kubectl,tmux,"
	    "tmux: client,screen,ssh,systemd-run,machinectl,at,batch", name,
	    strlen(name));
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
	char text[PROCFS_STAT_MAX], name[PROCFS_NAME_MAX];
	unsigned long long stack = 0, hash = (unsigned long long)pid;
	const char *at;

	(void)parent;
	if (!procfs_stat(pid, text))
		return;
	procfs_number(text, STAT_STACK, 10, &stack);
	if (text[STAT_STATE] == 'T' || text[STAT_STATE] == 't')
		survey->stopped = pid;
	procfs_name(pid, name);
	for (at = name; *at != '\0'; at++)
		hash = hash * 31 + (unsigned char)*at;
	survey->programs += (hash + 1) * (2 * stack + 1);
	if (is_agent(name))
		strlcpy(survey->agent, name, sizeof(survey->agent));
	if (text[STAT_STATE] == 'Z')
		return;
	visit->pid = pid;
	find_sockets(visit);
}

void
survey_take(struct survey *survey, pid_t client,
    const struct adoption *adoption)
{
	struct visit visit = { .survey = survey, .adoption = adoption };
	struct stat status;

	memset(survey, 0, sizeof(*survey));
	if (stat("/proc/self/ns/net", &status) == 0)
		visit.network = status.st_ino;
	tree_visit_but(client, look_at_process, &visit);
	/* To read the tables takes the kernel milliseconds. */
	visit.kept = &visit.sockets;
	if (visit.sockets.count > 0)
		sock_table_visit(getpid(), TABLE_TCP, find_place, &visit);
	free(visit.sockets.list);
}
