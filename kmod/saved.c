// SPDX-License-Identifier: GPL-2.0
/*
 * The text of a tunable that is more than a number. Attributes that are reset
 * or computed anew when another is written are lines of one text, which is
 * compared, and restored, as a whole.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "saved.h"
#include "tunable.h"

/**
 * ainka_saved_put() - append an attribute
 * @text: the text, AINKA_SAVED_LEN bytes
 * @name: the attribute
 * @value: what it reads; blanks around it are left out
 *
 * Return: 0, or -E2BIG if there is no room.
 */
int ainka_saved_put(char *text, const char *name, const char *value)
{
	size_t at = strlen(text), len;
	int n;

	value = skip_spaces(value);
	len = strcspn(value, "\n");
	while (len && value[len - 1] == ' ')
		len--;
	n = snprintf(text + at, AINKA_SAVED_LEN - at, "%s=%.*s\n", name, (int)len, value);
	if (n < AINKA_SAVED_LEN - at)
		return 0;
	text[at] = '\0';
	return -E2BIG;
}

/**
 * ainka_saved_next() - walk the attributes of a text
 * @line: the text, or what the last call returned
 * @name: gets the attribute
 * @name_size: size of @name
 * @value: gets what it read
 * @value_size: size of @value
 *
 * Return: where the next one begins, or NULL behind the last one.
 */
const char *ainka_saved_next(const char *line, char *name, size_t name_size, char *value,
			     size_t value_size)
{
	const char *equals = strchr(line, '='), *end;

	if (!equals)
		return NULL;
	end = strchrnul(equals, '\n');
	strscpy(name, line, min_t(size_t, name_size, equals - line + 1));
	strscpy(value, equals + 1, min_t(size_t, value_size, end - equals));
	return *end ? end + 1 : end;
}

/**
 * ainka_saved_get() - look an attribute up
 * @text: the text
 * @name: the attribute
 * @value: gets what it read
 * @size: size of @value
 *
 * Return: false if the text does not have it.
 */
bool ainka_saved_get(const char *text, const char *name, char *value, size_t size)
{
	char found[64];

	while ((text = ainka_saved_next(text, found, sizeof(found), value, size)))
		if (!strcmp(found, name))
			return true;
	return false;
}
