/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Private to the core: numbers with units, and what a unit measures. */
#ifndef AINKA_CORE_UNITS_H
#define AINKA_CORE_UNITS_H

#include "ainka_core.h"
#include "text.h"

enum ainka_dim { AINKA_DIM_TIME, AINKA_DIM_SIZE, AINKA_DIM_SHARE, AINKA_DIM_RATE };

/**
 * struct ainka_unit - a unit of a literal, a signal or a tunable
 * @name: how it is written
 * @dim: enum ainka_dim, what it measures
 * @alias: another way to write a unit that has a name already
 * @factor: how many of the smallest unit of that dimension it is
 */
struct ainka_unit {
	const char *name;
	u8 dim;
	bool alias;
	s64 factor;
};

/**
 * struct ainka_literal - a number as it was written
 * @num: the number, in the smallest unit of its dimension
 * @unit: its unit, NULL for a plain number
 * @len: characters it takes
 */
struct ainka_literal {
	s64 num;
	const struct ainka_unit *unit;
	u32 len;
};

bool ainka_is_digit(char c);
bool ainka_is_word(char c);

const struct ainka_unit *ainka_unit_by_name(const char *name, u32 len);
int ainka_literal_read(const char *text, u32 pos, struct ainka_literal *lit,
		       struct ainka_err *err);
bool ainka_literal_convert(const struct ainka_literal *lit, const struct ainka_unit *to,
			   s64 *num);
void ainka_units_put(struct ainka_text *t, const struct ainka_unit *like);

#endif
