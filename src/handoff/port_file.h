/* SPDX-License-Identifier: ISC */
#ifndef PORT_FILE_H
#define PORT_FILE_H

/*
 * The files of -p and -w.  A regular file appears complete, by rename(2).
 * "-", /dev/fd/N, /proc/self/fd/N and a link to one of these (/dev/stdout)
 * mean that descriptor.  Any other file that exists, such as a FIFO, is opened
 * and written to.
 */


#include "cli/options.h"
#include "handoff/template.h"
#include "process/signals.h"
#include "socket/listener.h"

struct port_file {
	const char	*name;		/* owned by struct options */
	char		*template;	/* owned */
	char		*text;		/* owned; expanded; ends with newline */
	size_t		 template_length, text_length;	/* bytes */
	bool		 is_port_file;	/* -p */
	dev_t		 device;	/* of the regular file written */
	ino_t		 inode;		/* of the same; 0: none written */
};

struct port_files {
	struct port_file	*list;		/* owned */
	size_t		 count;
};

/*
 * Fills the list from the -p and -w of options.  Reads the templates, checks
 * that each descriptor named is open, and removes regular files of an earlier
 * run: a reader must not find an old port.  Call it before the sockets are
 * opened.  Returns 0, or -1 with the reason in failure.  Either way
 * port_files_discard() frees the list.
 */
int	port_files_prepare(struct port_files *files,
    const struct options *options, struct failure *failure);

/*
 * Returns the placeholders, as template_placeholders() does, of the files that
 * the service may read: those of -w.
 */
unsigned	port_files_placeholders(const struct port_files *files);

/*
 * Returns whether a descriptor is free for the files, if one of them has to be
 * opened.  If not, errno says why.
 */
bool		port_files_have_room(const struct port_files *files);

/*
 * Expands the templates for audience, the service.  Each text ends with a
 * newline.  Writes nothing.  Returns 0, or -1 with the reason in failure.
 */
int	port_files_expand(struct port_files *files,
    const struct listeners *listeners, enum audience audience,
    struct failure *failure);

/*
 * Writes the files in order.  A FIFO is waited for until it has a reader, or
 * until one of the signals that are held comes.  A regular file gets mode 0644
 * less the umask.  SIGPIPE must be ignored: the error of a reader that is gone
 * is EPIPE.  Returns 0; or -1 with that signal in *signo, or with the reason in
 * failure.  Then port_files_discard() removes the files that were written.
 */
int	port_files_write(struct port_files *files,
    const struct signals *signals, int *signo, struct failure *failure);

/*
 * Finds the regular files that another process wrote by port_files_write()
 * after it forked this one: the front, for the keeper.
 */
void	port_files_recognise(struct port_files *files);

/*
 * Frees the list.  If ran is false, also removes the regular files that were
 * written; if it is true, they stay for the service.
 */
void	port_files_discard(struct port_files *files, bool ran);

#endif
