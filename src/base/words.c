/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/words.h"

bool
words_have(const char *list, const char *word, size_t length)
{
	size_t size;

	for (;; list += size + 1) {
		size = strcspn(list, ",");
		if (size == length && memcmp(list, word, length) == 0)
			return true;
		if (list[size] == '\0')
			return false;
	}
}
