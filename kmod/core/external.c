// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Names of signals that are registered while the machine runs. */
#include "flat.h"
#include "signals.h"
#include "text.h"

#define NAME_RULE "a name is lower-case words of letters, digits and _, joined by dots"

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_word(char c)
{
	return is_lower(c) || (c >= '0' && c <= '9') || c == '_';
}

static bool starts(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* The unit that a name ends in, or NULL. */
static const char *suffix(const char *name, u32 len)
{
	static const char * const units[] = { "us", "ms", "hz", "permille", "bytes", "count" };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		u32 n = strlen(units[i]);

		if (len > n && name[len - n - 1] == '_' && !strcmp(name + len - n, units[i]))
			return units[i];
	}
	return NULL;
}

/**
 * ainka_external_unit - check the name of a signal that somebody registers
 * @name: NUL-terminated
 * @err: out, what is wrong and where; may be NULL
 *
 * Return: its unit, which the name ends in, or NULL for a name that cannot be.
 */
const char *ainka_external_unit(const char *name, struct ainka_err *err)
{
	static const char * const taken[] = { "task.", "cgroup.", "dev.", "device." };
	const char *unit, *why = NULL;
	u32 len, i, dots = 0;

	for (len = 0; !why && name[len]; len++) {
		bool first = !len || name[len - 1] == '.';

		if (len >= AINKA_SIGNAL_LEN - 1)
			why = "the name is longer than 63 characters";
		else if (name[len] == '.' ? first : !is_word(name[len]))
			why = NAME_RULE;
		dots += name[len] == '.';
	}
	if (!why && (!len || !is_lower(name[0]) || !dots || name[len - 1] == '.'))
		why = NAME_RULE;
	for (i = 0; !why && i < ARRAY_SIZE(taken); i++)
		if (starts(name, taken[i]))
			why = "names that begin with task., cgroup., device. are of such subjects";
	if (why) {
		ainka_err_say(err, len ? len - 1 : 0, 1, why);
		return NULL;
	}
	unit = suffix(name, len);
	if (!unit)
		ainka_err_say(err, 0, len,
			      "the name ends in its unit: _us, _ms, _hz, _permille, _bytes or _count");
	return unit;
}

#ifndef __KERNEL__
/**
 * ainka_flat_external - let conditions name a signal that is registered at run time
 * @index: its number among these
 * @name: its name, or NULL to take it away
 * @pos: out, offset of the error
 * @msg: out, its message, AINKA_FLAT_ERR_MSG bytes
 *
 * For compiling and verifying alone: the banks and rows that the other functions
 * take have no place for its value.
 *
 * Return: 0 or -EINVAL.
 */
int ainka_flat_external(u32 index, const char *name, u32 *pos, char *msg)
{
	static const struct ainka_signal_def *table[AINKA_N_EXTERNAL];
	static struct ainka_signal_def defs[AINKA_N_EXTERNAL];
	static char names[AINKA_N_EXTERNAL][AINKA_SIGNAL_LEN];
	struct ainka_err err = { 0 };
	const char *unit = NULL;

	if (index >= AINKA_N_EXTERNAL) {
		ainka_err_say(&err, 0, 0, "there are at most 64 external signals");
	} else {
		table[index] = NULL;
		if (!name)
			return 0;
		unit = ainka_external_unit(name, &err);
	}
	if (!unit) {
		*pos = err.pos;
		memcpy(msg, err.msg, sizeof(err.msg));
		return -EINVAL;
	}
	memcpy(names[index], name, strlen(name) + 1);
	defs[index] = (struct ainka_signal_def) {
		.name = names[index],
		.unit = unit,
		.source = "external",
		.id = AINKA_SIG(AINKA_SUBJECT_SYSTEM, AINKA_EXTERNAL_FIRST + index),
	};
	table[index] = &defs[index];
	ainka_signals_extend(table);
	return 0;
}
#endif
