// SPDX-License-Identifier: Apache-2.0
/* Values of tunables. */
#include <stdlib.h>

#include "reference.h"

enum { ABSOLUTE, DIFFERENCE, PERCENT, MODEL };

/* A number with a unit that fits, which is all of the text. */
static bool whole_literal(const char *text, const char *unit, s64 *number)
{
	struct literal lit;
	int kind;
	s64 size;

	if (*text < '0' || *text > '9' || !read_literal(text, &lit) || text[lit.len])
		return false;
	*number = lit.number;
	if (lit.kind < 0)
		return true;
	if (!unit || !unit_of(unit, &kind, &size) || kind != lit.kind || lit.number % size)
		return false;
	*number = lit.number / size;
	return true;
}

/* name=number name=number: the number is plain and ends at a blank. */
static bool value_called(const char *values, const char *name, s64 *number)
{
	size_t len = strlen(name);

	if (strpbrk(name, " ="))
		return false;
	for (const char *pair = values; *pair; pair++) {
		struct literal lit;
		const char *at;
		bool negative;

		/* a pair begins the text or stands behind a blank */
		if ((pair > values && pair[-1] != ' ') || strncmp(pair, name, len) ||
		    pair[len] != '=')
			continue;
		at = pair + len + 1;
		negative = *at == '-';
		at += negative;
		if (*at < '0' || *at > '9' || !read_literal(at, &lit) || lit.kind >= 0)
			return false;
		*number = negative ? -lit.number : lit.number;
		return true;
	}
	return false;
}

static bool relative(const char *text, const char *unit, struct value *v)
{
	size_t len = strlen(text);
	struct literal lit;

	v->op = DIFFERENCE;
	v->arg = 0;
	if (len == 4)
		return true;
	if (text[len - 1] == '%') {
		v->op = PERCENT;
		if (!read_literal(text + 5, &lit) || text[5 + lit.len] || lit.number % 10000 ||
		    lit.number / 10000 > 1000000)
			return false;
		v->arg = lit.number / 10000;
	} else if (!whole_literal(text + 5, unit, &v->arg)) {
		return false;
	}
	if (text[4] == '-')
		v->arg = -v->arg;
	return true;
}

bool value_of_text(const char *text, const struct ainka_bounds *b, const char *unit,
		   bool has_model, struct value *v)
{
	const char *digits = text + (*text == '-' || *text == '+');

	if (!*text || strlen(text) > 31)
		return false;
	if (!strcmp(text, "model")) {
		*v = (struct value){ MODEL, 0 };
		return has_model;
	}
	if (unit && !strcmp(unit, "cpumask") && strcmp(text, "base")) {
		v->op = ABSOLUTE;
		return cpus_of_text(text, &v->arg) && v->arg >= b->min && v->arg <= b->max;
	}
	if (!strcmp(text, "base") || ((!strncmp(text, "base+", 5) || !strncmp(text, "base-", 5)) &&
				      text[5] >= '0' && text[5] <= '9'))
		return relative(text, unit, v);
	v->op = ABSOLUTE;
	if (!b->values || !value_called(b->values, text, &v->arg)) {
		if (!whole_literal(digits, unit, &v->arg))
			return false;
		if (*text == '-')
			v->arg = -v->arg;
	}
	return v->arg >= b->min && v->arg <= b->max;
}

static wide between(wide v, wide low, wide high)
{
	return v < low ? low : v > high ? high : v;
}

s64 value_to_write(const struct value *v, const struct ainka_bounds *b, s64 baseline,
		   s64 present, s64 model)
{
	wide wanted;

	if (v->op == ABSOLUTE)
		wanted = v->arg;
	else if (v->op == DIFFERENCE)
		wanted = (wide)baseline + v->arg;
	else if (v->op == PERCENT)
		wanted = baseline + (wide)clip((wide)baseline * v->arg / 100);
	else
		wanted = model;
	wanted = between(clip(wanted), b->min, b->max);
	if (b->step > 0)
		wanted = between(wanted, clip((wide)present - b->step), clip((wide)present + b->step));
	return between(wanted, b->min, b->max);
}
