/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The core for callers that know no C structures (Python's ctypes): a layout is
 * never typed twice, so structures pass as opaque memory of ainka_flat_size().
 * User space only.
 */
#ifndef AINKA_CORE_FLAT_H
#define AINKA_CORE_FLAT_H

#include "ainka_core.h"

enum ainka_flat_what {
	AINKA_FLAT_PROG,
	AINKA_FLAT_ERR_MSG,
	AINKA_FLAT_HYST,
	AINKA_FLAT_BUDGET,
	AINKA_FLAT_TASK_REC,
	AINKA_FLAT_N_SYSTEM,
	AINKA_FLAT_N_TASK,
	AINKA_FLAT_WINDOWS,
};

/**
 * struct ainka_flat_seen - what an evaluation sees; all pointers and 64-bit numbers
 * @sys: values of the system's signals
 * @sys_fresh: their freshness
 * @sub: values of the subject's signals, or NULL
 * @sub_fresh: their freshness, or NULL
 * @model: the model, or NULL
 * @history: the past of the signals, or NULL without any
 * @windows: what windows mean where there is no past, or NULL
 * @num: number of the subject, 0 for none
 * @id: what tells it from others of that number
 * @now_ns: time
 */
struct ainka_flat_seen {
	const s64 *sys;
	const u8 *sys_fresh;
	const s64 *sub;
	const u8 *sub_fresh;
	const struct ainka_model *model;
	const struct ainka_history *history;
	const struct ainka_windows *windows;
	u64 num;
	u64 id;
	u64 now_ns;
};

/* A batch has rows of AINKA_N_SIGNALS entries, in the order of their ids, and no past. */
int ainka_flat_explain(int ret, const struct ainka_err *err, u32 *pos, u32 *len, char *msg);
u64 ainka_flat_size(u32 what);
u64 ainka_flat_prog_bytes(const struct ainka_prog *prog);
u32 ainka_flat_prog_signals(const struct ainka_prog *prog, u16 *id);
int ainka_flat_compile(const char *text, u32 subject, u32 has_model,
		       struct ainka_windows *windows, struct ainka_prog *prog,
		       u32 *pos, u32 *len, char *msg);
int ainka_flat_external(u32 index, const char *name, u32 *pos, char *msg);
int ainka_flat_prog_verify(const struct ainka_prog *prog, u32 subject, u32 has_model,
			   const struct ainka_windows *windows, u32 *pos, char *msg);
u64 ainka_flat_history_bytes(const struct ainka_windows *windows, u32 places);
void ainka_flat_history_init(struct ainka_history *history, const struct ainka_windows *windows,
			     u32 places);
void ainka_flat_history_feed(struct ainka_history *history, u32 subject,
			     const struct ainka_flat_seen *seen, u64 walk);
int ainka_flat_eval(const struct ainka_prog *prog, u32 subject,
		    const struct ainka_flat_seen *seen, u32 *leaf);
void ainka_flat_eval_batch(const struct ainka_prog *prog, u32 subject, u32 n, const s64 *val,
			   const u8 *fresh, const struct ainka_model *model, u8 *truth);
u32 ainka_flat_render(const struct ainka_prog *prog, u32 subject,
		      const struct ainka_flat_seen *seen, char *buf, u32 size);
int ainka_flat_model_size(const void *blob, u64 bytes, u64 *size, u32 *pos, char *msg);
int ainka_flat_model_load(const void *blob, u64 bytes, u32 subject, struct ainka_model *model,
			  u32 *pos, char *msg);
u32 ainka_flat_model_render(u32 subject, const struct ainka_flat_seen *seen,
			    char *buf, u32 size);
void ainka_flat_model_batch(const struct ainka_model *model, u32 subject, u32 n, const s64 *val,
			    const u8 *fresh, s64 *result, u8 *known, u32 *leaf);
int ainka_flat_value_parse(const char *text, s64 min, s64 max, s64 step, const char *values,
			   const char *unit, u32 has_model, u32 *op, s64 *arg,
			   u32 *pos, u32 *len, char *msg);
s64 ainka_flat_value_resolve(u32 op, s64 arg, s64 min, s64 max, s64 step, s64 baseline,
			     s64 current_value, s64 model, u32 *clamped);
int ainka_flat_hyst_step(struct ainka_hyst *h, u64 for_ns, u64 hold_ns, u64 cooldown_ns,
			 u32 when, u32 until, u32 has_until, u64 now_ns, u32 *on);

struct ainka_frame;

u64 ainka_flat_frame_bytes(u32 coded);
void ainka_flat_frame_set(struct ainka_frame *frame, u64 time_ns, u32 flags, u32 state,
			  const s64 *val, const u8 *fresh);
u32 ainka_flat_frame_add(struct ainka_frame *frame, u32 subject, u32 num, u64 id,
			 const s64 *val, const u8 *fresh);
u32 ainka_flat_frame_get(const struct ainka_frame *frame, u64 *time_ns, u32 *flags, u32 *state,
			 s64 *val, u8 *fresh);
void ainka_flat_frame_subjects(const struct ainka_frame *frame, u32 *subject, u32 *num, u64 *id,
			       s64 *val, u8 *fresh);

void ainka_flat_norm(u32 n, const s64 *value, s64 *score, u8 *known, s64 *mean, s64 *deviation);
void ainka_flat_rate(u32 n, const u64 *ns, u32 *told, u32 *hz);
u32 ainka_flat_hist_bucket(u64 ns);
u64 ainka_flat_hist_floor(u32 bucket);

#endif
