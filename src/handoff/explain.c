/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "cli/unquoted.h"
#include "handoff/explain.h"
#include "process/command.h"

enum { HINT_MAX = 512 };

/* Opens the file that was found, and had no interpreter.  Returns -1. */
static int
open_file(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	int fd = -1;

	if (strchr(name, '/') != NULL)
		return open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (path == NULL)
		path = COMMAND_PATH;
	while (fd == -1 && command_next(name, &path, file))
		if (access(file, X_OK) == 0)
			fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd;
}

/*
 * execve(2) says ENOENT also of a file that is there, if its interpreter is
 * not: that of a script, or the dynamic loader.
 */
static bool
explain_interpreter(const char *name, char hint[HINT_MAX])
{
	char data[256];
	const char *word;
	int fd = open_file(name), length;
	ssize_t size;

	if (fd == -1)
		return false;
	size = read(fd, data, sizeof(data) - 1);
	close(fd);
	if (size < 2)
		return false;
	data[size] = '\0';
	if (strncmp(data, "\177ELF", 4) == 0) {
		strlcpy(hint, "it is there, but not its dynamic loader",
		    HINT_MAX);
		return true;
	}
	if (strncmp(data, "#!", 2) != 0)
		return false;
	word = data + 2 + strspn(data + 2, " \t");
	length = (int)strcspn(word, " \t\n");
	snprintf(hint, HINT_MAX, "its interpreter '%.*s' is not there%s",
	    length, word, length > 0 && word[length - 1] == '\r' ?
	    " (its lines end with CR LF)" : "");
	return true;
}

static bool
is_assignment(const char *word)
{
	size_t i;

	if (!isalpha((unsigned char)word[0]) && word[0] != '_')
		return false;
	for (i = 0; isalnum((unsigned char)word[i]) || word[i] == '_'; i++)
		;
	return word[i] == '=';
}

/* What a shell does itself, unless there is a program of that name too. */
static bool
is_of_the_shell(const char *word)
{
	return words_have("cd,export,source,exec,eval,set,unset,ulimit,umask,"
	    "wait,trap,if,for,while,until,case,alias,{,(,!,:", word,
	    strlen(word));
}

/* Whether the words have no blank or quote: they can be shown as they are. */
static bool
are_plain(char *const words[])
{
	for (; *words != NULL; words++)
		if (**words == '\0' || strpbrk(*words, " \t\n'\"\\") != NULL)
			return false;
	return true;
}

static bool
explain_shell(char *const command[], char hint[HINT_MAX])
{
	char line[HINT_MAX / 2] = "";

	if (!is_of_the_shell(command[0]))
		return false;
	unquoted_join(command, line, sizeof(line));
	if (are_plain(command))
		snprintf(hint, HINT_MAX, "it is the shell's: write "
		    "sh -c '%s'", line);
	else
		strlcpy(hint, "it is the shell's: write sh -c", HINT_MAX);
	return true;
}

/* Stores what was probably meant.  Returns false if that cannot be told. */
static bool
find_hint(const struct options *options, char *const command[],
    char hint[HINT_MAX])
{
	const char *name = command[0];
	char script[HINT_MAX / 2];

	if (explain_interpreter(name, hint))
		return true;
	/* If that is sure it was said before. */
	if (unquoted_client(options, script, sizeof(script)) &&
	    (options->verbosity == QUIET || !unquoted_is_sure(options)))
		snprintf(hint, HINT_MAX, "-c takes one word: write "
		    "-c '%s'", script);
	else if (is_assignment(name))
		snprintf(hint, HINT_MAX, "for a variable write -e %s, "
		    "or env before it", name);
	else if (strcspn(name, " \t") > 0 && strpbrk(name, " \t") != NULL)
		strlcpy(hint, "it is one word: write it without quotes, or "
		    "behind sh -c", HINT_MAX);
	else if (command[1] == NULL && (strcmp(name, "help") == 0 ||
	    strcmp(name, "version") == 0))
		snprintf(hint, HINT_MAX, "try 'portexec --%s'", name);
	else
		return explain_shell(command, hint);
	return true;
}

void
explain_execute(const struct options *options, char *const command[],
    int error, struct failure *failure)
{
	const char *quote = command[0][strcspn(command[0], " \t")] == '\0' &&
	    command[0][0] != '\0' ? "" : "'";
	char hint[HINT_MAX];

	fail(failure, error, "execute %s%s%s", quote, command[0], quote);
	if (error == ENOENT && find_hint(options, command, hint))
		fail(failure, 0, "%s: %s", failure->text, hint);
	errno = error;
}
