// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Names of values, as a tunable has them: "name=number name=number". */
#include "units.h"

/**
 * ainka_named_next - walk the names of values
 * @values: the names, or what the last call returned
 * @named: out
 *
 * Return: where the next one begins, or NULL behind the last one.
 */
const char *ainka_named_next(const char *values, struct ainka_named *named)
{
	const char *s = values;
	struct ainka_literal lit;
	bool negative;

	if (!*s)
		return NULL;
	memset(named, 0, sizeof(*named));
	while (*s && *s != '=' && *s != ' ')
		s++;
	if (*s == '=') {
		named->name = values;
		named->len = s - values;
		negative = *++s == '-';
		s += negative;
		named->known = ainka_is_digit(*s) && !ainka_literal_read(s, 0, &lit, NULL) &&
			       !lit.unit;
		if (named->known)
			named->value = negative ? -lit.num : lit.num;
	}
	while (*s && *s != ' ')
		s++;
	return *s ? s + 1 : s;
}

/**
 * ainka_named_value - the number of a name
 * @values: names of values
 * @name: what is looked for
 * @len: its length
 * @value: out
 *
 * Return: false if there is no such name, or its number is none.
 */
bool ainka_named_value(const char *values, const char *name, u32 len, s64 *value)
{
	struct ainka_named named;

	while ((values = ainka_named_next(values, &named))) {
		if (!named.len || named.len != len || strncmp(named.name, name, len))
			continue;
		if (named.known)
			*value = named.value;
		return named.known;
	}
	return false;
}
