// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "cpus.h"
#include "expr.h"
#include "units.h"

/* Far more than any tunable can use, and the arithmetic stays exact. */
#define PERCENT_MAX	1000000

static int fail_bounds(const char *text, u32 len, const struct ainka_bounds *b,
		       const char *unit, struct ainka_err *err)
{
	struct ainka_text t;

	ainka_err_start(&t, err, 0, len);
	ainka_text_put(&t, text, len);
	ainka_text_str(&t, " is outside ");
	ainka_text_num(&t, b->min);
	ainka_text_str(&t, " to ");
	ainka_text_num(&t, b->max);
	if (unit && ainka_unit_by_name(unit, strlen(unit))) {
		ainka_text_str(&t, " ");
		ainka_text_str(&t, unit);
	}
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

/* A literal that does not convert to the unit of the tunable. */
static int fail_unit(const char *text, u32 pos, const struct ainka_literal *lit,
		     const char *unit, const struct ainka_unit *to, struct ainka_err *err)
{
	bool fits = to && to->dim == lit->unit->dim;
	struct ainka_text t;

	ainka_err_start(&t, err, pos, lit->len);
	ainka_text_put(&t, text + pos, lit->len);
	ainka_text_str(&t, fits ? " is not a whole number of " :
		       " does not fit the tunable, which is in ");
	ainka_text_str(&t, unit && *unit ? unit : "plain numbers");
	if (!fits && to) {
		ainka_text_str(&t, ": ");
		ainka_units_put(&t, to);
	}
	ainka_text_end(&t);
	return -EINVAL;
}

/* Reads a literal in the unit of the tunable; the text ends behind it. */
static int number(const char *text, u32 pos, const char *unit, s64 *v, struct ainka_err *err)
{
	const struct ainka_unit *to = unit ? ainka_unit_by_name(unit, strlen(unit)) : NULL;
	struct ainka_literal lit;
	int ret = ainka_literal_read(text, pos, &lit, err);

	if (ret)
		return ret;
	if (text[pos + lit.len])
		return ainka_err_say(err, pos + lit.len, 1, "the value ends in front of this");
	*v = lit.num;
	if (lit.unit && !ainka_literal_convert(&lit, to, v))
		return fail_unit(text, pos, &lit, unit, to, err);
	return 0;
}

/* +N% or -N% of the baseline, whatever the unit of the tunable. */
static int relative_percent(const char *text, u32 len, struct ainka_value *v,
			    struct ainka_err *err)
{
	struct ainka_literal lit;
	int ret = ainka_literal_read(text, 5, &lit, err);

	if (ret)
		return ret;
	if (5 + lit.len != len)
		return ainka_err_say(err, 5 + lit.len, 1, "the value ends in front of this");
	v->op = AINKA_VALUE_PERCENT;
	v->arg = lit.num / lit.unit->factor;
	if (lit.num % lit.unit->factor)
		return ainka_err_say(err, 5, lit.len, "percent of the baseline are whole");
	if (v->arg > PERCENT_MAX)
		return ainka_err_say(err, 5, lit.len,
				     "the number is too large: at most 1000000%");
	return 0;
}

/* What follows "base": nothing, +N, -N, +N% or -N%. */
static int relative(const char *text, u32 len, const char *unit, struct ainka_value *v,
		    struct ainka_err *err)
{
	int ret;

	v->op = AINKA_VALUE_ADD;
	if (len == 4)
		return 0;
	if (text[len - 1] == '%')
		ret = relative_percent(text, len, v, err);
	else
		ret = number(text, 5, unit, &v->arg, err);
	if (text[4] == '-')
		v->arg = -v->arg;
	return ret;
}

static int absolute(const char *text, u32 len, const struct ainka_bounds *b, const char *unit,
		    struct ainka_value *v, struct ainka_err *err)
{
	bool negative = *text == '-';
	u32 sign = negative || *text == '+';
	int ret;

	v->op = AINKA_VALUE_ABS;
	if (!b->values || !ainka_named_value(b->values, text, len, &v->arg)) {
		if (!ainka_is_digit(text[sign]))
			return fail_unknown(text, len, b, err);
		ret = number(text, sign, unit, &v->arg, err);
		if (ret)
			return ret;
		if (negative)
			v->arg = -v->arg;
	}
	if (v->arg < b->min || v->arg > b->max)
		return fail_bounds(text, len, b, unit, err);
	return 0;
}

/**
 * ainka_value_parse - parse the value of an action
 * @text: NUL-terminated: 10, -5, 4MiB, base, base+5, base-20%, model or a value's name; of
 *	unit cpumask 0x5, 0,2-3, base or model
 * @b: what the tunable accepts; an absolute value outside is refused
 * @unit: unit of the tunable, NULL for plain numbers
 * @has_model: the policy has a model
 * @v: out
 * @err: out, what is wrong; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_value_parse(const char *text, const struct ainka_bounds *b, const char *unit,
		      bool has_model, struct ainka_value *v, struct ainka_err *err)
{
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
	if (unit && !strcmp(unit, AINKA_UNIT_CPUS) && strcmp(text, "base"))
		return ainka_cpus_parse(text, len, b, &v->arg, err);
	/* A value's name may begin like that, so what is not relative is looked up. */
	if (!strncmp(text, "base", 4) &&
	    (len == 4 || ((text[4] == '+' || text[4] == '-') && ainka_is_digit(text[5]))))
		return relative(text, len, unit, v, err);
	return absolute(text, len, b, unit, v, err);
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
