#ifndef PORT_FILE_H
#define PORT_FILE_H

/*
 * The files of -p and -w.  A regular file appears whole, by rename(2), and
 * "-", /dev/fd/N, /proc/self/fd/N and a link to one, as /dev/stdout is, are
 * that descriptor itself; what else exists, a FIFO say, is opened.
 */

#include <signal.h>

#include "cli/options.h"
#include "handoff/template.h"
#include "socket/listener.h"

struct port_file {
	const char	*name;		/* options' */
	char		*template;	/* owned */
	char		*text;		/* owned; expanded, with its newline */
	size_t		 template_length, text_length;
	bool		 is_port_file;
	dev_t		 device;	/* of the regular file written, */
	ino_t		 inode;		/* 0: none */
};

struct port_files {
	struct port_file	*list;		/* owned */
	size_t		 count;
};

/*
 * Before the sockets are opened: reads the templates, sees that the
 * descriptors named are open, and removes regular files of an earlier run,
 * so that no reader takes yesterday's number for today's.
 */
int	port_files_prepare(struct port_files *files, const struct options *options,
    struct failure *failure);

/* The placeholders (template.h) of those that the service may read: -w's. */
unsigned	port_files_placeholders(const struct port_files *files);

/* Expands the templates for the service, the reader; writes nothing. */
int	port_files_expand(struct port_files *files,
    const struct listeners *listeners, enum audience audience,
    struct failure *failure);

/*
 * Writes them, in order; blocks on a FIFO until there is a reader, and has
 * the signal mask only meanwhile.  A new file has mode 0644 less the umask.
 * Where it fails, what was written is for port_files_discard().  SIGPIPE is to
 * be ignored: a reader that went is an error, EPIPE.
 */
int	port_files_write(struct port_files *files, const sigset_t *mask,
    struct failure *failure);

/*
 * For a process forked before port_files_write(): learns of the regular files
 * that it wrote.
 */
void	port_files_recognise(struct port_files *files);

/*
 * Frees the list; and unless a service ran, removes the regular files that
 * were written.
 */
void	port_files_discard(struct port_files *files, bool ran);

#endif
