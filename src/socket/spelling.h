/* SPDX-License-Identifier: ISC */
#ifndef SPELLING_H
#define SPELLING_H

/*
 * What people type as a SPEC and is none, and what they mean: tcp://, :8080,
 * localhost, ::1:0.  Makes no system call.
 */

#include "base/log.h"

/*
 * spec is one that spec_parse() refused, for the reason in failure.  Adds to
 * the reason how it is to be written, if that can be told.  A spelling that is
 * proposed is one that spec_parse() takes.  Always returns -1.
 */
int	spelling_explain(const char *spec, struct failure *failure);

#endif
