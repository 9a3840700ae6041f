/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <string.h>

#include "base/number.h"
#include "told.h"

bool
told_is_option(const char *word)
{
	static const char parts[][7] = { "port", "listen", "bind", "addr" };
	size_t i;

	if (word[0] != '-')
		return false;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcasestr(word, parts[i]) != NULL)
			return true;
	return strcmp(word, "-p") == 0;
}

/* A digit after a dot: 10.0.0.1 is no port 10.  A bracket: [::1] is no 1. */
static bool
goes_on(const char *at, const char *end)
{
	if (at == end)
		return false;
	return isalnum((unsigned char)*at) || *at == '_' || *at == ']' ||
	    (*at == '.' && at + 1 < end && isdigit((unsigned char)at[1]));
}

static bool
has_behind_mark(const char *text, size_t length, const char *digits)
{
	const char *at = text, *end = text + length;
	size_t size = strlen(digits);

	while ((at = memmem(at, (size_t)(end - at), digits, size)) != NULL) {
		if (at > text && (at[-1] == '=' || at[-1] == ':') &&
		    !goes_on(at + size, end))
			return true;
		at++;
	}
	return false;
}

static bool
is_told(const struct options *options, const struct port_files *files,
    const char *digits)
{
	const struct assignments *settings = &options->settings;
	char *const *word = options->command + 1;
	const char *text;
	size_t i;

	for (; *word != NULL; word++)
		if (has_behind_mark(*word, strlen(*word), digits) ||
		    (strcmp(*word, digits) == 0 && told_is_option(word[-1])))
			return true;
	for (i = 0; i < settings->count; i++) {
		text = settings->list[i].template;
		if (strcmp(text, digits) == 0 ||
		    has_behind_mark(text, strlen(text), digits))
			return true;
	}
	for (i = 0; i < files->count; i++)
		if (!files->list[i].is_port_file &&
		    has_behind_mark(files->list[i].template,
		    files->list[i].template_length, digits))
			return true;
	return false;
}

bool
told_port(const struct options *options, const struct port_files *files)
{
	const struct spec *spec;
	char digits[NUMBER_MAX];
	unsigned port;
	size_t i;

	for (i = 0; i < options->spec_count; i++) {
		spec = &options->specs[i];
		if (spec->fd != 0)
			continue;
		port = address_port(&spec->address);
		if (port != 0 && is_told(options, files,
		    number_text(port, digits)))
			return true;
	}
	return false;
}
