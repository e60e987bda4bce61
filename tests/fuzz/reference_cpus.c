// SPDX-License-Identifier: Apache-2.0
/* Sets of CPUs: the C library reads the numbers, each CPU of the list is asked for in turn. */
#include <stdio.h>
#include <stdlib.h>

#include "reference.h"

enum { HIGHEST_CPU = 62 };

/* A number of one to three digits at the start of a text, -1 if there is none. */
static int cpu_at(const char *text, size_t *len)
{
	*len = strspn(text, "0123456789");
	return *len >= 1 && *len <= 3 ? atoi(text) : -1;
}

/* Is it an item of a list, 3 or 3-5? Then the first and the last of it. */
static bool item_of(const char *item, int *first, int *last)
{
	size_t len;

	*first = cpu_at(item, &len);
	*last = *first;
	if (*first >= 0 && item[len] == '-') {
		item += len + 1;
		*last = cpu_at(item, &len);
	}
	return !item[len] && *first >= 0 && *first <= *last && *last <= HIGHEST_CPU;
}

static bool listed(const char *text, wide *mask)
{
	char items[64];
	int first, last;

	*mask = 0;
	for (const char *item = text; item; item = strchr(item, ',')) {
		item += item > text;	/* behind the comma */
		snprintf(items, sizeof(items), "%.*s", (int)strcspn(item, ","), item);
		if (!item_of(items, &first, &last))
			return false;
		for (int cpu = 0; cpu <= HIGHEST_CPU; cpu++)
			if (cpu >= first && cpu <= last)
				*mask |= (wide)1 << cpu;
	}
	return true;
}

bool cpus_of_text(const char *text, s64 *mask)
{
	wide bits;

	if (!strncmp(text, "0x", 2) || !strncmp(text, "0X", 2)) {
		const char *digits = text + 2;
		size_t len = strspn(digits, "0123456789abcdefABCDEF");

		if (!len || len > 16 || digits[len])
			return false;
		bits = strtoull(digits, NULL, 16);
	} else if (!listed(text, &bits)) {
		return false;
	}
	if (bits <= 0 || bits > HIGHEST)
		return false;
	*mask = (s64)bits;
	return true;
}
