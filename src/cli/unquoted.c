/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/words.h"
#include "cli/unquoted.h"

void
unquoted_join(char *const words[], char *text, size_t size)
{
	size_t i;

	for (i = 0; words[i] != NULL && strcmp(words[i], "--") != 0; i++) {
		if (text[0] != '\0')
			strlcat(text, " ", size);
		strlcat(text, words[i], size);
	}
}

bool
unquoted_client(const struct options *options, char *text, size_t size)
{
	char *const *word = options->command;

	/* Without "--" between: getopt_long(3) stopped at COMMAND itself. */
	if (options->client == NULL || word[-1] != options->client ||
	    strpbrk(options->client, " \t\n;&|<>$/") != NULL)
		return false;
	while (*word != NULL && strcmp(*word, "--") != 0)
		word++;
	if (*word == NULL || word[1] == NULL || word == options->command)
		return false;
	strlcpy(text, options->client, size);
	unquoted_join(options->command, text, size);
	return true;
}

static bool
is_among(const char *word, const char *list)
{
	return words_have(list, word, strlen(word));
}

bool
unquoted_is_sure(const struct options *options)
{
	return is_among(options->command[0], "test,[,run,exec,install") ||
	    is_among(options->client, "bash,bun,bunx,bundle,cargo,curl,deno,"
	    "docker,dotnet,go,node,npm,npx,perl,php,pipenv,pnpm,poetry,python,"
	    "python3,ruby,sh,uv,wget");
}
