/* SPDX-License-Identifier: ISC */
#ifndef WITNESS_H
#define WITNESS_H

/*
 * The witness: a process that tells the keeper of stop signals to the front's
 * process group, where the service is in that group.  That is so where there is
 * a controlling terminal.  A signal does not say whom else its sender means: an
 * interactive shell signals the whole group of its job.  Of a key of the
 * terminal the front knows that itself.
 */

#include <sys/types.h>

#include <stdbool.h>

struct witness {
	pid_t	pid;	/* 0: there is none, nor a need for it */
	int	fd;	/* to witness_hear(); owned; -1: there is none */
};

/*
 * If there is a controlling terminal, makes the witness, a child of this
 * process that ends with it.  Returns 0, or -1 and errno.
 */
int	witness_start(struct witness *witness);

/* Ends the witness, if there is one. */
void	witness_end(struct witness *witness);

/*
 * Returns the next signal that the witness got; 0 if the witness is gone; or -1
 * if it got none, or has not run yet since it did.
 */
int	witness_hear(const struct witness *witness);

/* Whether signo was sent to the witness, which has not run since. */
bool	witness_is_told(const struct witness *witness, int signo);

#endif
