// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "flat.h"

#ifndef __KERNEL__

#include "../../ebpf/ainka_events.h"

static void env_of(struct ainka_env *env, u32 subject, const struct ainka_flat_seen *seen)
{
	ainka_env_init(env);
	ainka_env_system(env, seen->sys, seen->sys_fresh);
	if (subject != AINKA_SUBJECT_SYSTEM)
		ainka_env_subject(env, seen->sub, seen->sub_fresh, ainka_signals_of(subject));
	env->model = seen->model;
	env->windows = seen->windows;
	if (seen->history)
		ainka_history_show(seen->history, env, seen->num, seen->id, seen->now_ns);
}

/* A row holds the signals of all subjects, in the order of their ids. */
static void env_of_row(struct ainka_env *env, u32 subject, const s64 *val, const u8 *fresh,
		       u64 row, const struct ainka_model *model)
{
	u64 at = row * AINKA_N_SIGNALS, first = at;
	struct ainka_flat_seen seen = {
		.sys = val + at,
		.sys_fresh = fresh + at,
		.model = model,
	};
	u32 i;

	for (i = 0; i < subject; i++)
		first += ainka_signals_of(i);
	seen.sub = val + first;
	seen.sub_fresh = fresh + first;
	env_of(env, subject, &seen);
}

/**
 * ainka_flat_explain - take an error apart
 * @ret: what is returned
 * @err: the error
 * @pos: out, its position
 * @len: out, its length; may be NULL
 * @msg: out, its message, AINKA_FLAT_ERR_MSG bytes
 *
 * Return: @ret.
 */
int ainka_flat_explain(int ret, const struct ainka_err *err, u32 *pos, u32 *len, char *msg)
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
	case AINKA_FLAT_WINDOWS:
		return sizeof(struct ainka_windows);
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
 * @windows: windows of the policy, AINKA_FLAT_WINDOWS bytes; may grow
 * @prog: out
 * @pos: out, offset of the error
 * @len: out, its length
 * @msg: out, its message, AINKA_FLAT_ERR_MSG bytes
 *
 * Return: 0 or a negative errno.
 */
int ainka_flat_compile(const char *text, u32 subject, u32 has_model,
		       struct ainka_windows *windows, struct ainka_prog *prog,
		       u32 *pos, u32 *len, char *msg)
{
	struct ainka_err err = { 0 };
	int ret = ainka_expr_compile(text, subject, has_model, windows, prog, &err);

	return ainka_flat_explain(ret, &err, pos, len, msg);
}

/**
 * ainka_flat_prog_verify - ainka_windows_verify() and ainka_prog_verify()
 * @prog: program
 * @subject: enum ainka_subject
 * @has_model: the policy has a model
 * @windows: windows of the policy
 * @pos: out, number of the offending instruction
 * @msg: out, AINKA_FLAT_ERR_MSG bytes
 *
 * Return: 0 or a negative errno.
 */
int ainka_flat_prog_verify(const struct ainka_prog *prog, u32 subject, u32 has_model,
			   const struct ainka_windows *windows, u32 *pos, char *msg)
{
	struct ainka_err err = { 0 };
	int ret = ainka_windows_verify(windows, subject, &err);

	if (!ret)
		ret = ainka_prog_verify(prog, subject, has_model, windows, &err);
	return ainka_flat_explain(ret, &err, pos, NULL, msg);
}

/**
 * ainka_flat_history_bytes - ainka_history_bytes()
 * @windows: windows of the policy
 * @places: subjects whose past is kept
 *
 * Return: bytes.
 */
u64 ainka_flat_history_bytes(const struct ainka_windows *windows, u32 places)
{
	return ainka_history_bytes(windows, places);
}

/**
 * ainka_flat_history_init - ainka_history_init()
 * @history: zeroed memory of that many bytes, aligned to 8
 * @windows: windows of the policy
 * @places: subjects whose past is kept
 */
void ainka_flat_history_init(struct ainka_history *history, const struct ainka_windows *windows,
			     u32 places)
{
	ainka_history_init(history, windows, places);
}

/**
 * ainka_flat_history_feed - take in what the signals are now
 * @history: the past
 * @subject: enum ainka_subject
 * @seen: the signals, the time and the subject
 * @walk: number of this walk over the subjects
 */
void ainka_flat_history_feed(struct ainka_history *history, u32 subject,
			     const struct ainka_flat_seen *seen, u64 walk)
{
	struct ainka_env env;

	env_of(&env, subject, seen);
	ainka_history_system(history, &env, seen->now_ns);
	if (seen->num)
		ainka_history_subject(history, &env, seen->num, seen->id, walk, seen->now_ns);
}

/**
 * ainka_flat_eval - ainka_prog_eval()
 * @prog: verified program
 * @subject: enum ainka_subject
 * @seen: what it sees
 * @leaf: out, node of the model that was reached
 *
 * Return: enum ainka_truth.
 */
int ainka_flat_eval(const struct ainka_prog *prog, u32 subject,
		    const struct ainka_flat_seen *seen, u32 *leaf)
{
	struct ainka_env env;
	int truth;

	env_of(&env, subject, seen);
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
		env_of_row(&env, subject, val, fresh, i, model);
		truth[i] = ainka_prog_eval(prog, &env);
	}
}

/**
 * ainka_flat_render - ainka_prog_render()
 * @prog: verified program
 * @subject: enum ainka_subject
 * @seen: what it sees
 * @buf: out
 * @size: its size
 *
 * Return: length of the text.
 */
u32 ainka_flat_render(const struct ainka_prog *prog, u32 subject,
		      const struct ainka_flat_seen *seen, char *buf, u32 size)
{
	struct ainka_env env;

	env_of(&env, subject, seen);
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

	return ainka_flat_explain(ret, &err, pos, NULL, msg);
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

	return ainka_flat_explain(ret, &err, pos, NULL, msg);
}

/**
 * ainka_flat_model_render - ainka_model_render()
 * @subject: enum ainka_subject
 * @seen: what the model sees, and the model
 * @buf: out
 * @size: its size
 *
 * Return: length of the text.
 */
u32 ainka_flat_model_render(u32 subject, const struct ainka_flat_seen *seen,
			    char *buf, u32 size)
{
	struct ainka_env env;

	env_of(&env, subject, seen);
	return ainka_model_render(seen->model, &env, buf, size);
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
		env_of_row(&env, subject, val, fresh, i, NULL);
		result[i] = 0;
		known[i] = ainka_model_eval(model, &env, &result[i], &leaf[i]);
	}
}

#endif
