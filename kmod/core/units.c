// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * A literal is read into the smallest unit of its dimension and converted from
 * there: nothing is rounded, what has no exact value is refused.
 */
#include "units.h"

static const struct ainka_unit units[] = {
	{ "ns", AINKA_DIM_TIME, false, 1 },
	{ "us", AINKA_DIM_TIME, false, 1000 },
	{ "ms", AINKA_DIM_TIME, false, 1000000 },
	{ "cs", AINKA_DIM_TIME, true, 10000000 },
	{ "s", AINKA_DIM_TIME, false, 1000000000 },
	{ "min", AINKA_DIM_TIME, false, 60000000000LL },
	{ "h", AINKA_DIM_TIME, false, 3600000000000LL },
	{ "bytes", AINKA_DIM_SIZE, false, 1 },
	{ "B", AINKA_DIM_SIZE, true, 1 },
	{ "KiB", AINKA_DIM_SIZE, false, 1LL << 10 },
	{ "MiB", AINKA_DIM_SIZE, false, 1LL << 20 },
	{ "GiB", AINKA_DIM_SIZE, false, 1LL << 30 },
	{ "TiB", AINKA_DIM_SIZE, false, 1LL << 40 },
	{ "ppm", AINKA_DIM_SHARE, false, 1 },
	{ "permyriad", AINKA_DIM_SHARE, true, 100 },
	{ "permille", AINKA_DIM_SHARE, false, 1000 },
	{ "%", AINKA_DIM_SHARE, false, 10000 },
	{ "percent", AINKA_DIM_SHARE, true, 10000 },
	{ "Hz", AINKA_DIM_RATE, false, 1 },
	{ "hz", AINKA_DIM_RATE, true, 1 },
	{ "kHz", AINKA_DIM_RATE, false, 1000 },
	{ "khz", AINKA_DIM_RATE, true, 1000 },
	{ "MHz", AINKA_DIM_RATE, false, 1000000 },
	{ "mhz", AINKA_DIM_RATE, true, 1000000 },
	{ "GHz", AINKA_DIM_RATE, false, 1000000000 },
};

/**
 * ainka_is_digit - is this a digit?
 * @c: character
 *
 * Return: true for 0 to 9.
 */
bool ainka_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/**
 * ainka_is_word - can this be in a word?
 * @c: character
 *
 * Return: true for letters, digits, dot and underscore.
 */
bool ainka_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || ainka_is_digit(c) ||
	       c == '_' || c == '.';
}

/**
 * ainka_unit_by_name - find a unit
 * @name: how it is written, need not be terminated
 * @len: its length
 *
 * Return: the unit, or NULL for a plain number ("count") and for what is unknown.
 */
const struct ainka_unit *ainka_unit_by_name(const char *name, u32 len)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (!strncmp(units[i].name, name, len) && !units[i].name[len])
			return &units[i];
	return NULL;
}

/**
 * ainka_units_put - list the units somebody may write
 * @t: text they are appended to
 * @like: list those that measure the same, or NULL for all
 */
void ainka_units_put(struct ainka_text *t, const struct ainka_unit *like)
{
	const char *blank = "";
	u32 i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (units[i].alias || (like && units[i].dim != like->dim))
			continue;
		ainka_text_str(t, blank);
		ainka_text_str(t, units[i].name);
		blank = " ";
	}
}

static int unknown_unit(const char *text, u32 pos, u32 len, struct ainka_err *err)
{
	struct ainka_text t;

	ainka_err_start(&t, err, pos, len);
	ainka_text_str(&t, "unknown unit ");
	ainka_text_put(&t, text + pos, len < 24 ? len : 24);
	ainka_text_str(&t, ": there are ");
	ainka_units_put(&t, NULL);
	ainka_text_end(&t);
	return -EINVAL;
}

/* Reads digits; a separator stands between digits only, so that 5_ is no number. */
static u32 digits(const char *text, u32 i, s64 *num, bool *overflow)
{
	while (ainka_is_digit(text[i]) || (text[i] == '_' && ainka_is_digit(text[i + 1]))) {
		if (text[i] != '_')
			*overflow |= __builtin_mul_overflow(*num, 10, num) ||
				     __builtin_add_overflow(*num, text[i] - '0', num);
		i++;
	}
	return i;
}

/* Reads the digits behind a point; each makes the unit of the number ten times smaller. */
static u32 fraction(const char *text, u32 start, s64 *num, s64 *divisor, bool *overflow)
{
	u32 end = start, last, i;

	while (ainka_is_digit(text[end]))
		end++;
	/* zeros at the end say nothing */
	for (last = end; last > start && text[last - 1] == '0'; last--)
		;
	for (i = start; i < last; i++)
		*overflow |= __builtin_mul_overflow(*num, 10, num) ||
			     __builtin_add_overflow(*num, text[i] - '0', num) ||
			     __builtin_mul_overflow(*divisor, 10, divisor);
	return end;
}

/**
 * ainka_literal_read - read a number with or without a unit
 * @text: NUL-terminated text
 * @pos: where the first digit stands
 * @lit: out
 * @err: out, what is wrong; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_literal_read(const char *text, u32 pos, struct ainka_literal *lit,
		       struct ainka_err *err)
{
	bool overflow = false, point;
	s64 divisor = 1;
	u32 i, len;

	memset(lit, 0, sizeof(*lit));
	i = digits(text, pos, &lit->num, &overflow);
	point = text[i] == '.';
	if (point && !ainka_is_digit(text[i + 1]))
		return ainka_err_say(err, pos, i + 1 - pos, "a digit is expected behind the point");
	if (point)
		i = fraction(text, i + 1, &lit->num, &divisor, &overflow);
	len = text[i] == '%';
	if (!len)
		while (ainka_is_word(text[i + len]))
			len++;
	lit->len = i + len - pos;
	if (len) {
		lit->unit = ainka_unit_by_name(text + i, len);
		if (!lit->unit)
			return unknown_unit(text, i, len, err);
		overflow |= __builtin_mul_overflow(lit->num, lit->unit->factor, &lit->num);
	}
	if (overflow)
		return ainka_err_say(err, pos, lit->len, lit->unit ?
				     "larger than 9223372036854775807 ns, bytes, ppm or Hz" :
				     "the number is larger than 9223372036854775807");
	if (point && !len)
		return ainka_err_say(err, pos, lit->len,
				     "a plain number is whole; one with a unit may have a fraction: 1.5ms");
	if (lit->num % divisor)
		return ainka_err_say(err, pos, lit->len,
				     "finer than can be told: ns, bytes, ppm and Hz are whole");
	lit->num /= divisor;
	return 0;
}

/**
 * ainka_literal_convert - a literal in another unit
 * @lit: literal with a unit
 * @to: the other unit, or NULL for a plain number
 * @num: out, untouched unless it converts exactly
 *
 * Return: whether it does.
 */
bool ainka_literal_convert(const struct ainka_literal *lit, const struct ainka_unit *to,
			   s64 *num)
{
	if (!to || to->dim != lit->unit->dim || lit->num % to->factor)
		return false;
	*num = lit->num / to->factor;
	return true;
}
