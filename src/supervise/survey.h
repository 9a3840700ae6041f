/* SPDX-License-Identifier: ISC */
#ifndef SURVEY_H
#define SURVEY_H

/*
 * What /proc shows of the service and its descendants, without the client's:
 * where they listen, who is stopped, who is elsewhere, and whether any of them
 * has executed something since.
 */

#include <sys/types.h>

#include "adopt/adoption.h"
#include "process/procfs.h"
#include "socket/listener.h"

enum { SURVEY_MAX = 4 };	/* addresses that are kept */

struct survey {
	/* Where they listen; the highest inode first, each port once. */
	struct place {
		union address	 address;
		ino_t		 inode;
	}		 places[SURVEY_MAX];
	size_t		 place_count;	/* may be above SURVEY_MAX */
	bool		 aside;		/* they listen on what is no place */
	bool		 hidden;	/* some cannot be looked into */
	pid_t		 stopped;	/* a process in state T; 0: none */
	pid_t		 apart;		/* listens in another network */
	struct place	 apart_place;
	/* A program that has others do its work: "docker"; "" for none. */
	char		 agent[PROCFS_NAME_MAX];
	/* Differs when a process was made, or has executed a program. */
	unsigned long long	 programs;
};

/*
 * Takes the survey.  client is the root of the processes that are left out, or
 * 0.  What listens on a port of the listeners is none of the places, nor what
 * aside_is_port() says.  Without memory no places are found.
 */
void	survey_take(struct survey *survey, pid_t client,
    const struct adoption *adoption);

/* Adds a place, unless its port is there already. */
void	survey_add(struct survey *survey, const struct place *place);

#endif
