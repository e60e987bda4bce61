// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "expr.h"

/* Far more than any tunable can use, and the arithmetic stays exact. */
#define PERCENT_MAX	1000000

static int fail_bounds(const char *text, u32 len, const struct ainka_bounds *b,
		       struct ainka_err *err)
{
	struct ainka_text t;

	ainka_err_start(&t, err, 0, len);
	ainka_text_put(&t, text, len);
	ainka_text_str(&t, " is outside ");
	ainka_text_num(&t, b->min);
	ainka_text_str(&t, " to ");
	ainka_text_num(&t, b->max);
	ainka_text_end(&t);
	return -EINVAL;
}

static int fail_unknown(const char *text, u32 len, const struct ainka_bounds *b,
			struct ainka_err *err)
{
	struct ainka_text t;

	ainka_err_start(&t, err, 0, len);
	ainka_text_put(&t, text, len);
	ainka_text_str(&t, ": a number, base+N, base-N% or model is allowed");
	if (b->values) {
		ainka_text_str(&t, ", or ");
		ainka_text_str(&t, b->values);
	}
	ainka_text_end(&t);
	return -EINVAL;
}

/* Reads an unsigned number; returns how many characters it has, 0 when there is none. */
static u32 number(const char *s, s64 *v, bool *overflow)
{
	u32 i = 0;

	*v = 0;
	for (; s[i] >= '0' && s[i] <= '9'; i++)
		*overflow |= __builtin_mul_overflow(*v, 10, v) ||
			     __builtin_add_overflow(*v, s[i] - '0', v);
	return i;
}

/* Looks a name up in "name=number name=number". */
static bool named(const char *values, const char *name, u32 len, s64 *v)
{
	while (*values) {
		bool overflow = false, negative;
		const char *s = values;

		while (*s && *s != '=' && *s != ' ')
			s++;
		if (*s == '=' && (u32)(s - values) == len && !strncmp(values, name, len)) {
			negative = *++s == '-';
			if (!number(s + negative, v, &overflow) || overflow)
				return false;
			*v = negative ? -*v : *v;
			return true;
		}
		while (*s && *s != ' ')
			s++;
		values = *s ? s + 1 : s;
	}
	return false;
}

/* What follows "base": nothing, +N, -N, +N% or -N%. */
static bool relative(const char *s, struct ainka_value *v, bool *overflow)
{
	bool negative = *s == '-';
	u32 digits;

	v->op = AINKA_VALUE_ADD;
	v->arg = 0;
	if (!*s)
		return true;
	if (*s != '+' && *s != '-')
		return false;
	digits = number(++s, &v->arg, overflow);
	if (!digits)
		return false;
	if (negative)
		v->arg = -v->arg;
	s += digits;
	if (*s == '%') {
		v->op = AINKA_VALUE_PERCENT;
		*overflow |= v->arg > PERCENT_MAX || v->arg < -PERCENT_MAX;
		s++;
	}
	return !*s;
}

static int absolute(const char *text, u32 len, const struct ainka_bounds *b,
		    struct ainka_value *v, struct ainka_err *err)
{
	bool negative = *text == '-', overflow = false;
	u32 sign = negative || *text == '+';
	u32 digits = number(text + sign, &v->arg, &overflow);

	v->op = AINKA_VALUE_ABS;
	if (digits && sign + digits == len) {
		if (negative && !overflow)
			v->arg = -v->arg;
	} else if (!b->values || !named(b->values, text, len, &v->arg)) {
		return fail_unknown(text, len, b, err);
	}
	if (overflow || v->arg < b->min || v->arg > b->max)
		return fail_bounds(text, len, b, err);
	return 0;
}

/**
 * ainka_value_parse - parse the value of an action
 * @text: NUL-terminated: 10, -5, base, base+5, base-20%, model or a value's name
 * @b: what the tunable accepts; an absolute value outside is refused
 * @has_model: the policy has a model
 * @v: out
 * @err: out, what is wrong; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_value_parse(const char *text, const struct ainka_bounds *b, bool has_model,
		      struct ainka_value *v, struct ainka_err *err)
{
	bool overflow = false;
	u32 len = 0;

	memset(v, 0, sizeof(*v));
	while (len < AINKA_VALUE_LEN && text[len])
		len++;
	if (!len)
		return ainka_err_say(err, 0, 0, "the value is empty");
	if (len == AINKA_VALUE_LEN)
		return ainka_err_say(err, len - 1, 1, "longer than 31 characters");
	if (len == strlen(AINKA_WORD_MODEL) && !strncmp(text, AINKA_WORD_MODEL, len)) {
		if (!has_model)
			return ainka_err_say(err, 0, len,
					     "the policy has no model to choose the value");
		v->op = AINKA_VALUE_MODEL;
		return 0;
	}
	/* A value's name may begin like that, so what is not relative is looked up. */
	if (len >= 4 && !strncmp(text, "base", 4) && relative(text + 4, v, &overflow)) {
		if (overflow)
			return ainka_err_say(err, 4, len - 4, "the number is too large");
		return 0;
	}
	return absolute(text, len, b, v, err);
}

/* Percent of a number, rounded towards 0, saturated. */
static s64 percent_of(s64 v, s64 percent)
{
	s64 whole, part;

	ainka_arith(AINKA_OP_MUL, v / 100, percent, &whole);
	ainka_arith(AINKA_OP_MUL, v % 100, percent, &part);
	ainka_arith(AINKA_OP_ADD, whole, part / 100, &whole);
	return whole;
}

static s64 clamp_to(s64 v, s64 min, s64 max)
{
	if (v > max)
		v = max;
	return v < min ? min : v;
}

/**
 * ainka_value_resolve - the value to write
 * @v: what the policy wants
 * @b: hard bounds and step of the tunable
 * @baseline: its value before the module changed it
 * @current_value: its value now
 * @model: result of the model, for AINKA_VALUE_MODEL
 * @clamped: out, bounds or step limited it
 *
 * The step is counted from the present value. Where that lies outside the bounds,
 * the bounds count for more than the step.
 *
 * Return: the value.
 */
s64 ainka_value_resolve(const struct ainka_value *v, const struct ainka_bounds *b,
			s64 baseline, s64 current_value, s64 model, bool *clamped)
{
	s64 wanted, low, high, value;

	switch (v->op) {
	case AINKA_VALUE_ADD:
		ainka_arith(AINKA_OP_ADD, baseline, v->arg, &wanted);
		break;
	case AINKA_VALUE_PERCENT:
		ainka_arith(AINKA_OP_ADD, baseline, percent_of(baseline, v->arg), &wanted);
		break;
	case AINKA_VALUE_MODEL:
		wanted = model;
		break;
	default:
		wanted = v->arg;
		break;
	}
	value = clamp_to(wanted, b->min, b->max);
	if (b->step > 0) {
		ainka_arith(AINKA_OP_SUB, current_value, b->step, &low);
		ainka_arith(AINKA_OP_ADD, current_value, b->step, &high);
		value = clamp_to(clamp_to(value, low, high), b->min, b->max);
	}
	*clamped = value != wanted;
	return value;
}
