// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "flat.h"

#ifndef __KERNEL__

#include "../../ebpf/ainka_events.h"
#include "hist.h"

static void env_of(struct ainka_env *env, u32 subject, const s64 *sys, const u8 *sys_fresh,
		   const s64 *sub, const u8 *sub_fresh)
{
	ainka_env_init(env);
	ainka_env_system(env, sys, sys_fresh);
	if (subject != AINKA_SUBJECT_SYSTEM)
		ainka_env_subject(env, sub, sub_fresh, ainka_signals_of(subject));
}

/* A row holds the signals of all subjects, in the order of their ids. */
static void env_of_row(struct ainka_env *env, u32 subject, const s64 *val, const u8 *fresh,
		       u64 row)
{
	u64 at = row * AINKA_N_SIGNALS, first = at;
	u32 i;

	for (i = 0; i < subject; i++)
		first += ainka_signals_of(i);
	env_of(env, subject, val + at, fresh + at, val + first, fresh + first);
}

static int explain(int ret, const struct ainka_err *err, u32 *pos, u32 *len, char *msg)
{
	*pos = err->pos;
	if (len)
		*len = err->len;
	memcpy(msg, err->msg, sizeof(err->msg));
	return ret;
}

/**
 * ainka_flat_size - sizes a caller has to know
 * @what: enum ainka_flat_what
 *
 * Return: bytes of a structure, or number of signals of a bank.
 */
u64 ainka_flat_size(u32 what)
{
	switch (what) {
	case AINKA_FLAT_PROG:
		return sizeof(struct ainka_prog);
	case AINKA_FLAT_ERR_MSG:
		return sizeof(((struct ainka_err *)NULL)->msg);
	case AINKA_FLAT_HYST:
		return sizeof(struct ainka_hyst);
	case AINKA_FLAT_BUDGET:
		return sizeof(struct ainka_budget);
	case AINKA_FLAT_TASK_REC:
		return sizeof(struct ainka_task_rec);
	case AINKA_FLAT_N_SYSTEM:
		return AINKA_N_SYSTEM_SIGNALS;
	case AINKA_FLAT_N_TASK:
		return AINKA_N_TASK_SIGNALS;
	default:
		return 0;
	}
}

/**
 * ainka_flat_prog_bytes - ainka_prog_bytes()
 * @prog: program
 *
 * Return: bytes of it that need to be stored.
 */
u64 ainka_flat_prog_bytes(const struct ainka_prog *prog)
{
	return ainka_prog_bytes(prog);
}

/**
 * ainka_flat_prog_signals - the signals a program reads, at most AINKA_MAX_CAUSES
 * @prog: verified program
 * @id: out, their ids
 *
 * Return: how many.
 */
u32 ainka_flat_prog_signals(const struct ainka_prog *prog, u16 *id)
{
	memcpy(id, prog->signal, prog->signals * sizeof(*id));
	return prog->signals;
}

/**
 * ainka_flat_compile - ainka_expr_compile()
 * @text: text of the condition
 * @subject: enum ainka_subject
 * @has_model: the policy has a model
 * @prog: out
 * @pos: out, offset of the error
 * @len: out, its length
 * @msg: out, its message, AINKA_FLAT_ERR_MSG bytes
 *
 * Return: 0 or a negative errno.
 */
int ainka_flat_compile(const char *text, u32 subject, u32 has_model, struct ainka_prog *prog,
		       u32 *pos, u32 *len, char *msg)
{
	struct ainka_err err = { 0 };
	int ret = ainka_expr_compile(text, subject, has_model, prog, &err);

	return explain(ret, &err, pos, len, msg);
}

/**
 * ainka_flat_prog_verify - ainka_prog_verify()
 * @prog: program
 * @subject: enum ainka_subject
 * @has_model: the policy has a model
 * @pos: out, number of the offending instruction
 * @msg: out, AINKA_FLAT_ERR_MSG bytes
 *
 * Return: 0 or a negative errno.
 */
int ainka_flat_prog_verify(const struct ainka_prog *prog, u32 subject, u32 has_model,
			   u32 *pos, char *msg)
{
	struct ainka_err err = { 0 };
	int ret = ainka_prog_verify(prog, subject, has_model, &err);

	return explain(ret, &err, pos, NULL, msg);
}

/**
 * ainka_flat_eval - ainka_prog_eval()
 * @prog: verified program
 * @subject: enum ainka_subject
 * @sys: values of the system's signals
 * @sys_fresh: their freshness
 * @sub: values of the subject's signals, or NULL
 * @sub_fresh: their freshness, or NULL
 * @model: the model, or NULL
 * @leaf: out, node of the model that was reached
 *
 * Return: enum ainka_truth.
 */
int ainka_flat_eval(const struct ainka_prog *prog, u32 subject, const s64 *sys,
		    const u8 *sys_fresh, const s64 *sub, const u8 *sub_fresh,
		    const struct ainka_model *model, u32 *leaf)
{
	struct ainka_env env;
	int truth;

	env_of(&env, subject, sys, sys_fresh, sub, sub_fresh);
	env.model = model;
	truth = ainka_prog_eval(prog, &env);
	*leaf = env.leaf;
	return truth;
}

/**
 * ainka_flat_eval_batch - evaluate one program for many rows of signals
 * @prog: verified program
 * @subject: enum ainka_subject
 * @n: rows
 * @val: values, @n rows of AINKA_N_SIGNALS
 * @fresh: their freshness
 * @model: the model, or NULL
 * @truth: out, enum ainka_truth of each row
 */
void ainka_flat_eval_batch(const struct ainka_prog *prog, u32 subject, u32 n, const s64 *val,
			   const u8 *fresh, const struct ainka_model *model, u8 *truth)
{
	struct ainka_env env;
	u32 i;

	for (i = 0; i < n; i++) {
		env_of_row(&env, subject, val, fresh, i);
		env.model = model;
		truth[i] = ainka_prog_eval(prog, &env);
	}
}

/**
 * ainka_flat_render - ainka_prog_render()
 * @prog: verified program
 * @subject: enum ainka_subject
 * @sys: values of the system's signals
 * @sys_fresh: their freshness
 * @sub: values of the subject's signals, or NULL
 * @sub_fresh: their freshness, or NULL
 * @model: the model, or NULL
 * @buf: out
 * @size: its size
 *
 * Return: length of the text.
 */
u32 ainka_flat_render(const struct ainka_prog *prog, u32 subject, const s64 *sys,
		      const u8 *sys_fresh, const s64 *sub, const u8 *sub_fresh,
		      const struct ainka_model *model, char *buf, u32 size)
{
	struct ainka_env env;

	env_of(&env, subject, sys, sys_fresh, sub, sub_fresh);
	env.model = model;
	return ainka_prog_render(prog, &env, buf, size);
}

/**
 * ainka_flat_model_size - ainka_model_size()
 * @blob: model
 * @bytes: its size
 * @size: out, bytes that it takes when it is loaded
 * @pos: out, number of the offending node or term
 * @msg: out, AINKA_FLAT_ERR_MSG bytes
 *
 * Return: 0 or a negative errno.
 */
int ainka_flat_model_size(const void *blob, u64 bytes, u64 *size, u32 *pos, char *msg)
{
	struct ainka_err err = { 0 };
	int ret = ainka_model_size(blob, bytes, size, &err);

	return explain(ret, &err, pos, NULL, msg);
}

/**
 * ainka_flat_model_load - ainka_model_load()
 * @blob: model
 * @bytes: its size
 * @subject: enum ainka_subject
 * @model: out, zeroed memory of that size, aligned to 8 bytes
 * @pos: out, number of the offending node or term
 * @msg: out, AINKA_FLAT_ERR_MSG bytes
 *
 * Return: 0 or a negative errno.
 */
int ainka_flat_model_load(const void *blob, u64 bytes, u32 subject, struct ainka_model *model,
			  u32 *pos, char *msg)
{
	struct ainka_err err = { 0 };
	int ret = ainka_model_load(blob, bytes, subject, model, &err);

	return explain(ret, &err, pos, NULL, msg);
}

/**
 * ainka_flat_model_render - ainka_model_render()
 * @model: the model
 * @subject: enum ainka_subject
 * @sys: values of the system's signals
 * @sys_fresh: their freshness
 * @sub: values of the subject's signals, or NULL
 * @sub_fresh: their freshness, or NULL
 * @buf: out
 * @size: its size
 *
 * Return: length of the text.
 */
u32 ainka_flat_model_render(const struct ainka_model *model, u32 subject, const s64 *sys,
			    const u8 *sys_fresh, const s64 *sub, const u8 *sub_fresh,
			    char *buf, u32 size)
{
	struct ainka_env env;

	env_of(&env, subject, sys, sys_fresh, sub, sub_fresh);
	return ainka_model_render(model, &env, buf, size);
}

/**
 * ainka_flat_model_batch - ask a model about many rows of signals
 * @model: the model
 * @subject: enum ainka_subject
 * @n: rows
 * @val: values, @n rows of AINKA_N_SIGNALS
 * @fresh: their freshness
 * @result: out, the model's answers, 0 where unknown
 * @known: out, 0 where a signal on the way was stale
 * @leaf: out, the nodes that the first tree ended at
 */
void ainka_flat_model_batch(const struct ainka_model *model, u32 subject, u32 n, const s64 *val,
			    const u8 *fresh, s64 *result, u8 *known, u32 *leaf)
{
	struct ainka_env env;
	u32 i;

	for (i = 0; i < n; i++) {
		env_of_row(&env, subject, val, fresh, i);
		result[i] = 0;
		known[i] = ainka_model_eval(model, &env, &result[i], &leaf[i]);
	}
}

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
	return explain(ret, &err, pos, len, msg);
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
