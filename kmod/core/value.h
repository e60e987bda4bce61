/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Values of tunables (value.c, named.c), and how many may be written (budget.c). */
#ifndef AINKA_CORE_VALUE_H
#define AINKA_CORE_VALUE_H

#include "types.h"

struct ainka_err;

enum ainka_value_op { AINKA_VALUE_ABS, AINKA_VALUE_ADD, AINKA_VALUE_PERCENT, AINKA_VALUE_MODEL };

struct ainka_value {
	u8 op;
	s64 arg;	/* ABS: the value; ADD: the difference; PERCENT: of the baseline, signed */
};

/**
 * struct ainka_bounds - what a tunable accepts
 * @min: hard minimum
 * @max: hard maximum
 * @step: largest change in one write, 0 for none
 * @values: names of the values as "name=number …" with one blank between, or NULL
 */
struct ainka_bounds {
	s64 min;
	s64 max;
	s64 step;
	const char *values;
};

/**
 * struct ainka_named - one of the names of values (named.c)
 * @name: where it begins; no NUL follows
 * @len: its length, 0 where no number follows
 * @value: its number
 * @known: there is one
 */
struct ainka_named {
	const char *name;
	u32 len;
	s64 value;
	bool known;
};

const char *ainka_named_next(const char *values, struct ainka_named *named);
bool ainka_named_value(const char *values, const char *name, u32 len, s64 *value);

/*
 * Parse 10, -5, 4MiB, base, base+5, base-20%, model or a value's name; an
 * absolute value outside the bounds is refused. @unit is that of the tunable.
 */
int ainka_value_parse(const char *text, const struct ainka_bounds *b, const char *unit,
		      bool has_model, struct ainka_value *v, struct ainka_err *err);
/* The value to write; *clamped when bounds or step limited it. */
s64 ainka_value_resolve(const struct ainka_value *v, const struct ainka_bounds *b,
			s64 baseline, s64 current_value, s64 model, bool *clamped);

/* struct ainka_budget - a token bucket of writes */
struct ainka_budget {
	u64 last_ns;
	u64 credit_ns;	/* time saved up, one write costs period_ns */
};

bool ainka_budget_take(struct ainka_budget *b, u32 per_min, u32 burst, u64 now_ns);

#endif
