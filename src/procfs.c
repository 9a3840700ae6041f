#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "procfs.h"

#define BETWEEN_WORDS	" \t\n:"

FILE *
procfs_open(const char *format, ...)
{
	char path[64] = "/proc/";
	size_t length = strlen(path);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path + length, sizeof(path) - length, format, arguments);
	va_end(arguments);
	return fopen(path, "re");
}

bool
procfs_number(const char *line, unsigned n, int base,
    unsigned long long *number)
{
	size_t length;
	char *end;

	line += strspn(line, BETWEEN_WORDS);
	for (; n > 0; n--) {
		line += strcspn(line, BETWEEN_WORDS);
		line += strspn(line, BETWEEN_WORDS);
	}
	length = strcspn(line, BETWEEN_WORDS);
	*number = strtoull(line, &end, base);
	return length > 0 && end == line + length;
}
