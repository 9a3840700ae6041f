/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/command.h"

bool
command_next(const char *name, const char **path, char file[PATH_MAX])
{
	const char *folder;
	int length, whole;

	while (*path != NULL) {
		folder = *path;
		length = (int)strcspn(folder, ":");
		*path = folder[length] == '\0' ? NULL : folder + length + 1;
		whole = snprintf(file, PATH_MAX, "%.*s%s%s", length, folder,
		    length == 0 ? "" : "/", name);
		if (whole >= 0 && whole < PATH_MAX)
			return true;
	}
	return false;
}

/* file is a script: "/bin/sh file ARG..." */
static void
execute_script(char *file, char *const command[])
{
	char shell[] = "/bin/sh", **words;
	size_t count = 0;

	while (command[count] != NULL)
		count++;
	words = calloc(count + 2, sizeof(*words));
	if (words == NULL)
		return;
	words[0] = shell;
	words[1] = file;
	memcpy(words + 2, command + 1, (count - 1) * sizeof(*words));
	execve(shell, words, environ);
	free(words);
}

static void
execute_file(char *file, char *const command[])
{
	execve(file, command, environ);
	if (errno == ENOEXEC)
		execute_script(file, command);
}

/* Whether another folder of PATH may still have the command. */
static bool
is_absent(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES ||
	    error == ESTALE || error == ENODEV || error == ETIMEDOUT;
}

void
command_execute(char *const command[])
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	bool denied = false;

	if (strchr(command[0], '/') != NULL) {
		execute_file(command[0], command);
		return;
	}
	errno = strlen(command[0]) > NAME_MAX ? ENAMETOOLONG : ENOENT;
	if (command[0][0] == '\0' || errno == ENAMETOOLONG)
		return;
	if (path == NULL)
		path = COMMAND_PATH;
	while (is_absent(errno) && command_next(command[0], &path, file)) {
		execute_file(file, command);
		denied = denied || errno == EACCES;
	}
	if (denied && is_absent(errno))
		errno = EACCES;
}
