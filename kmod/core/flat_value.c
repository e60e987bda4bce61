// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "flat.h"

#ifndef __KERNEL__

#include "hist.h"

/**
 * ainka_flat_value_parse - ainka_value_parse()
 * @text: text of the value
 * @min: hard minimum
 * @max: hard maximum
 * @step: largest change, 0 for none
 * @values: names of the values, or NULL
 * @unit: unit of the tunable, or NULL
 * @has_model: the policy has a model
 * @op: out, enum ainka_value_op
 * @arg: out
 * @pos: out, offset of the error
 * @len: out, its length
 * @msg: out, AINKA_FLAT_ERR_MSG bytes
 *
 * Return: 0 or a negative errno.
 */
int ainka_flat_value_parse(const char *text, s64 min, s64 max, s64 step, const char *values,
			   const char *unit, u32 has_model, u32 *op, s64 *arg,
			   u32 *pos, u32 *len, char *msg)
{
	struct ainka_bounds bounds = { .min = min, .max = max, .step = step, .values = values };
	struct ainka_err err = { 0 };
	struct ainka_value value;
	int ret = ainka_value_parse(text, &bounds, unit, has_model, &value, &err);

	*op = value.op;
	*arg = value.arg;
	return ainka_flat_explain(ret, &err, pos, len, msg);
}

/**
 * ainka_flat_value_resolve - ainka_value_resolve()
 * @op: enum ainka_value_op
 * @arg: its argument
 * @min: hard minimum
 * @max: hard maximum
 * @step: largest change, 0 for none
 * @baseline: value before the module changed it
 * @current_value: value now
 * @model: result of the model
 * @clamped: out
 *
 * Return: the value to write.
 */
s64 ainka_flat_value_resolve(u32 op, s64 arg, s64 min, s64 max, s64 step, s64 baseline,
			     s64 current_value, s64 model, u32 *clamped)
{
	struct ainka_bounds bounds = { .min = min, .max = max, .step = step };
	struct ainka_value value = { .op = op, .arg = arg };
	bool was_clamped;
	s64 v = ainka_value_resolve(&value, &bounds, baseline, current_value, model,
				    &was_clamped);

	*clamped = was_clamped;
	return v;
}

/**
 * ainka_flat_hyst_step - ainka_hyst_step()
 * @h: zero-initialised state, AINKA_FLAT_HYST bytes
 * @for_ns: see struct ainka_hyst_cfg
 * @hold_ns: see there
 * @cooldown_ns: see there
 * @when: enum ainka_truth
 * @until: enum ainka_truth
 * @has_until: there is an until
 * @now_ns: the time
 * @on: out, 1 when the policy is on
 *
 * Return: 1 when that changed.
 */
int ainka_flat_hyst_step(struct ainka_hyst *h, u64 for_ns, u64 hold_ns, u64 cooldown_ns,
			 u32 when, u32 until, u32 has_until, u64 now_ns, u32 *on)
{
	struct ainka_hyst_cfg cfg = {
		.for_ns = for_ns,
		.hold_ns = hold_ns,
		.cooldown_ns = cooldown_ns,
	};
	bool changed = ainka_hyst_step(h, &cfg, when, until, has_until, now_ns);

	*on = h->on;
	return changed;
}

/**
 * ainka_flat_hist_bucket - ainka_hist_bucket()
 * @ns: value
 *
 * Return: its bucket.
 */
u32 ainka_flat_hist_bucket(u64 ns)
{
	return ainka_hist_bucket(ns);
}

/**
 * ainka_flat_hist_floor - ainka_hist_floor()
 * @bucket: bucket
 *
 * Return: its smallest value.
 */
u64 ainka_flat_hist_floor(u32 bucket)
{
	return ainka_hist_floor(bucket);
}

#endif
