/* SPDX-License-Identifier: ISC */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <sys/resource.h>

/*
 * Closes the descriptors first and up, and below end.  limit is the
 * RLIMIT_NOFILE of whoever opened them, and bounds the loop where the kernel
 * has no close_range(2), or a container refuses it.
 */
void	descriptors_close(int first, int end, const struct rlimit *limit);

#endif
