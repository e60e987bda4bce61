/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The pure core: integers only, no kernel API, no allocation, no locks, no time
 * of its own. The same files are compiled into ainka.ko and into
 * libainka_core.so, which tests, fuzzing, the CLI and the daemon use.
 */
#ifndef AINKA_CORE_H
#define AINKA_CORE_H

#include "types.h"
#include <uapi/linux/ainka.h>
#include <uapi/linux/ainka_abi.h>
#include "hysteresis.h"
#include "norm.h"
#include "rec_features.h"
#include "signals_gen.h"
#include "state.h"
#include "value.h"

/* Signal ids: the bank (enum ainka_subject) in the high byte, the index in the low. */
#define AINKA_SIG(bank, index)	(((bank) << 8) | (index))
#define AINKA_SIG_BANK(id)	((id) >> 8)
#define AINKA_SIG_INDEX(id)	((id) & 0xff)
#define AINKA_SIG_NONE		0xffff

/* Entries a bank can have: the index of an id is one byte. */
#define AINKA_BANK_MAX		256

/**
 * struct ainka_signal_def - what is known of a signal (generated table)
 * @name: name, the unit last
 * @unit: unit
 * @source: where it comes from
 * @max_age_ns: age from which it is stale
 * @id: AINKA_SIG()
 * @event: BPF programs may post it as an event
 */
struct ainka_signal_def {
	const char *name;
	const char *unit;
	const char *source;
	u64 max_age_ns;
	u16 id;
	bool event;
};

extern const struct ainka_signal_def ainka_signals[AINKA_N_SIGNALS];

/* ---- windows (expr_window.c, window.c, history.c) ---- */

#define AINKA_WINDOWS_MAX		8	/* of one policy */
#define AINKA_WINDOW_SAMPLES		64	/* over a signal of the system */
#define AINKA_WINDOW_SUBJECT_SAMPLES	16	/* over one of a subject, for each of them */
#define AINKA_WINDOW_MIN_MS		1000
#define AINKA_WINDOW_MAX_MS		1800000

/* What stands for the signal where a condition reads a window: this bank and its number. */
#define AINKA_BANK_WINDOW		0x80

enum ainka_window_func {
	AINKA_WINDOW_RATE,	/* change a second */
	AINKA_WINDOW_DELTA,	/* newest minus oldest */
	AINKA_WINDOW_AVG,
	AINKA_WINDOW_MIN,
	AINKA_WINDOW_MAX,
	AINKA_N_WINDOW_FUNCS
};

/**
 * struct ainka_window_def - a window over the past of a signal
 * @signal: id of the signal
 * @func: enum ainka_window_func
 * @pad: 0
 * @length_ms: how far it reaches back
 */
struct ainka_window_def {
	u16 signal;
	u8 func;
	u8 pad;
	u32 length_ms;
};

/**
 * struct ainka_windows - the windows of a policy, which its conditions share
 * @n: entries of @def
 * @def: the windows
 */
struct ainka_windows {
	u32 n;
	struct ainka_window_def def[AINKA_WINDOWS_MAX];
};

/*
 * Where an evaluation finds a signal: the system's signals, those of the one
 * subject, those registered while the machine runs, the windows. Resolved once,
 * when a condition or a model is verified.
 */
#define AINKA_SLOT_SUBJECT	AINKA_N_SYSTEM_SIGNALS
#define AINKA_SLOT_EXTERNAL	(AINKA_SLOT_SUBJECT + AINKA_SNAP_SIGNALS)
#define AINKA_SLOT_WINDOW	(AINKA_SLOT_EXTERNAL + AINKA_N_EXTERNAL)
#define AINKA_N_SLOTS		((AINKA_SLOT_WINDOW + AINKA_WINDOWS_MAX + 7) / 8 * 8)

/* The slot of a signal that a policy may read, or of a window. */
static inline u16 ainka_slot_of(u16 id)
{
	u16 index = AINKA_SIG_INDEX(id);

	switch (AINKA_SIG_BANK(id)) {
	case AINKA_BANK_WINDOW:
		return AINKA_SLOT_WINDOW + index;
	case AINKA_SUBJECT_SYSTEM:
		return index < AINKA_EXTERNAL_FIRST ? index :
		       AINKA_SLOT_EXTERNAL + index - AINKA_EXTERNAL_FIRST;
	default:
		return AINKA_SLOT_SUBJECT + index;
	}
}

const struct ainka_signal_def *ainka_signal_by_name(const char *name, u32 len);
const struct ainka_signal_def *ainka_signal_by_id(u16 id);
u32 ainka_signals_of(u32 subject);

/* ---- signals registered while the machine runs (signals.c, external.c) ---- */

struct ainka_err;

void ainka_signals_extend(const struct ainka_signal_def *const *table);
const char *ainka_external_unit(const char *name, struct ainka_err *err);

/* ---- expressions (expr_compile.c, expr_verify.c, expr_eval.c) ---- */

#define AINKA_PROG_MAX		64	/* instructions */
#define AINKA_STACK_MAX		16

/* A word of an expression that is not a signal: the result of the policy's model. */
#define AINKA_WORD_MODEL	"model"

/**
 * struct ainka_insn - an instruction of a compiled condition
 * @op: enum ainka_op, private to expr_*.c
 * @cmp: the comparison, where there is one
 * @signal: id of the signal it reads, where there is one
 * @slot: its slot
 * @pad: 0
 * @imm: the number, where there is one
 */
struct ainka_insn {
	u8 op;
	u8 cmp;
	u16 signal;
	u16 slot;
	u16 pad;
	s64 imm;
};

/**
 * struct ainka_prog - a condition, compiled
 * @len: instructions
 * @depth: stack entries it needs
 * @signals: number of entries of @signal
 * @signal: ids of the signals it reads, in order of first use, at most AINKA_MAX_CAUSES
 * @pad: 0
 * @insn: the instructions; only @len of them need to be stored
 */
struct ainka_prog {
	u16 len;
	u16 depth;
	u16 signals;
	u16 signal[AINKA_MAX_CAUSES];
	u16 pad;
	struct ainka_insn insn[AINKA_PROG_MAX];
};

static inline u64 ainka_prog_bytes(const struct ainka_prog *p)
{
	return sizeof(*p) - sizeof(p->insn) + (u64)p->len * sizeof(p->insn[0]);
}

/**
 * struct ainka_err - why an input was refused
 * @pos: offset of the offending text
 * @len: its length
 * @msg: what is wrong and what is allowed, NUL-terminated
 */
struct ainka_err {
	u32 pos;
	u32 len;
	char msg[160];
};

/**
 * struct ainka_env - what an evaluation sees
 * @val: value of each slot, whatever it is where the slot is not fresh
 * @fresh: 1 where the slot has a fresh value, else 0
 * @fresh_word: the same, eight slots at a time
 * @model: the policy's model, or NULL
 * @windows: what the slots of windows mean, or NULL without any
 * @leaf: out, the node of the model's first tree that was reached last
 */
struct ainka_env {
	s64 val[AINKA_N_SLOTS];
	union {
		u8 fresh[AINKA_N_SLOTS];
		u64 fresh_word[AINKA_N_SLOTS / 8];
	};
	const struct ainka_model *model;
	const struct ainka_windows *windows;
	u32 leaf;
};

void ainka_env_init(struct ainka_env *env);
void ainka_env_system(struct ainka_env *env, const s64 *val, const u8 *fresh);
void ainka_env_subject(struct ainka_env *env, const s64 *val, const u8 *fresh, u32 n);
void ainka_env_external(struct ainka_env *env, const s64 *val, const u8 *fresh);
bool ainka_env_get(const struct ainka_env *env, u16 id, s64 *val);

/* Windows that the text names are added to @windows, where they are not there yet. */
int ainka_expr_compile(const char *text, u32 subject, bool has_model,
		       struct ainka_windows *windows, struct ainka_prog *prog,
		       struct ainka_err *err);
int ainka_prog_verify(const struct ainka_prog *prog, u32 subject, bool has_model,
		      const struct ainka_windows *windows, struct ainka_err *err);
enum ainka_truth ainka_prog_eval(const struct ainka_prog *prog, struct ainka_env *env);
u32 ainka_prog_render(const struct ainka_prog *prog, struct ainka_env *env,
		      char *buf, u32 size);

/* ---- the past that windows look at (window.c, history.c) ---- */

/**
 * struct ainka_place - whose past is kept
 * @num: number of the subject, 0 for nobody
 * @id: what tells it from others of that number
 * @walk: walk in which it was seen last
 */
struct ainka_place {
	u32 num;
	u64 id;
	u64 walk;
};

/**
 * struct ainka_history - the past of the signals a policy has windows over
 * @windows: the windows
 * @places: entries of @place, 0 for a policy of the system
 * @no_place: subjects whose past could not be kept
 * @bytes: size of all of this
 * @place: the subjects; behind it the windows over the system's signals, then
 *	   those over the subject's for each place
 */
struct ainka_history {
	struct ainka_windows windows;
	u32 places;
	u64 no_place;
	u64 bytes;
	struct ainka_place place[];
};

int ainka_windows_verify(const struct ainka_windows *windows, u32 subject,
			 struct ainka_err *err);
u64 ainka_history_bytes(const struct ainka_windows *windows, u32 places);
void ainka_history_init(struct ainka_history *history, const struct ainka_windows *windows,
			u32 places);
void ainka_history_system(struct ainka_history *history, struct ainka_env *env, u64 now_ns);
void ainka_history_subject(struct ainka_history *history, struct ainka_env *env, u32 num,
			   u64 id, u64 walk, u64 now_ns);
void ainka_history_show(const struct ainka_history *history, struct ainka_env *env, u32 num,
			u64 id, u64 now_ns);
/* Most steps that bringing one window up to date takes. */
u32 ainka_window_cost(const struct ainka_window_def *def);

/* ---- models (model*.c) ---- */

/**
 * struct ainka_step - a node of a tree as it is evaluated
 * @value: what the slot is compared with; in a leaf its value, class or row
 * @slot: slot of the signal, or AINKA_MODEL_LEAF
 * @right: number of the node for greater values; the other one is the next
 * @signal: id of the signal, for people
 * @pad: 0
 */
struct ainka_step {
	s64 value;
	u16 slot;
	u16 right;
	u16 signal;
	u16 pad;
};

/**
 * struct ainka_need - slots that a model reads
 * @mask: 1 in the byte of each
 * @word: which eight slots
 */
struct ainka_need {
	u64 mask;
	u16 word;
};

/**
 * struct ainka_model - a verified model as it is evaluated
 * @kind: AINKA_MODEL_MEAN to AINKA_MODEL_THRESHOLD
 * @n_trees: trees
 * @n_classes: classes
 * @shift: bits behind the binary point
 * @plain_tree: one tree whose leaves hold the result
 * @n_need: entries of @need
 * @n_terms: terms of a linear model, which are steps without @right
 * @n_steps: entries of @step
 * @cost: most steps that one evaluation takes
 * @bytes: size of all of this
 * @bias: of a linear model
 * @class_value: result of each class
 * @need: what must be fresh for the fast way
 * @root: number of the first node of each tree
 * @step: nodes or terms; behind them the rows of @n_classes weights
 */
struct ainka_model {
	u8 kind;
	u8 n_trees;
	u8 n_classes;
	u8 shift;
	u8 plain_tree;
	u8 n_terms;
	u16 n_need;
	u32 n_steps;
	u32 cost;
	u64 bytes;
	s64 bias;
	s64 class_value[AINKA_MODEL_MAX_CLASSES];
	struct ainka_need need[AINKA_N_SLOTS / 8];
	u16 root[AINKA_MODEL_MAX_TREES];
	struct ainka_step step[];
};

int ainka_model_size(const void *blob, u64 bytes, u64 *size, struct ainka_err *err);
int ainka_model_load(const void *blob, u64 bytes, u32 subject, struct ainka_model *model,
		     struct ainka_err *err);
/* false when a signal on the way is stale; *leaf is the node the first tree ended at */
bool ainka_model_eval(const struct ainka_model *model, const struct ainka_env *env,
		      s64 *result, u32 *leaf);
u32 ainka_model_render(const struct ainka_model *model, const struct ainka_env *env,
		       char *buf, u32 size);

/* Most steps that one evaluation takes: a condition asks its model at most once. */
static inline u32 ainka_prog_cost(const struct ainka_prog *prog, const struct ainka_model *model)
{
	return prog->len + (model ? model->cost : 0);
}

/* ---- histograms (hist.h, hist.c) ---- */

/* Midpoint of the bucket of a percentile; 0 when nothing was counted. */
u64 ainka_hist_percentile(const u32 *counts, u32 n, u32 permille);
/* The same where an entry stands for two buckets. */
u64 ainka_hist_percentile_wide(const u32 *counts, u32 n, u32 permille);

#ifndef __KERNEL__
/* ---- the reader's side of the ring (ring_access.c), user space only ---- */

u64 ainka_ring_load_head(const void *producer_page);
void ainka_ring_store_tail(void *consumer_page, u64 tail);
void ainka_ring_fence(void);
#endif

#endif
