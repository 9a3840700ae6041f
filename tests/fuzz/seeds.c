/* SPDX-License-Identifier: ISC */
/* Feeds a fuzz target the files that are named, without libFuzzer. */

#include <stdio.h>

#include "fuzz.h"

static int
feed(const char *name)
{
	static uint8_t data[1 << 16];
	FILE *file = fopen(name, "re");
	size_t size;

	if (file == NULL) {
		perror(name);
		return 1;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	printf("%s\n", name);
	fflush(stdout);
	return LLVMFuzzerTestOneInput(data, size);
}

int
main(int argc, char *argv[])
{
	int i, status = 0;

	for (i = 1; i < argc; i++)
		status |= feed(argv[i]);
	return status;
}
