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
#include "signals_gen.h"

/* Signal ids: the bank (enum ainka_subject) in the high byte, the index in the low. */
#define AINKA_SIG(bank, index)	(((bank) << 8) | (index))
#define AINKA_SIG_BANK(id)	((id) >> 8)
#define AINKA_SIG_INDEX(id)	((id) & 0xff)
#define AINKA_SIG_NONE		0xffff

/**
 * struct ainka_signal_def - what is known of a signal (generated table)
 * @name: name, the unit last
 * @unit: unit
 * @source: where it comes from
 * @max_age_ns: age from which it is stale
 * @id: AINKA_SIG()
 */
struct ainka_signal_def {
	const char *name;
	const char *unit;
	const char *source;
	u64 max_age_ns;
	u16 id;
};

extern const struct ainka_signal_def ainka_signals[AINKA_N_SIGNALS];

const struct ainka_signal_def *ainka_signal_by_name(const char *name, u32 len);
const struct ainka_signal_def *ainka_signal_by_id(u16 id);

/* ---- expressions (expr_compile.c, expr_verify.c, expr_eval.c) ---- */

#define AINKA_PROG_MAX		64	/* instructions */
#define AINKA_STACK_MAX		16

/* A word of an expression that is not a signal: the result of the policy's model. */
#define AINKA_WORD_MODEL	"model"

struct ainka_insn {
	u8 op;		/* enum ainka_op, private to expr_*.c */
	u8 cmp;
	u16 signal;
	u32 pad;
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
 * struct ainka_bank - the signals of the system or of one subject
 * @val: values, indexed by AINKA_SIG_INDEX()
 * @fresh: nonzero where the value is fresh
 */
struct ainka_bank {
	const s64 *val;
	const u8 *fresh;
};

/**
 * struct ainka_env - what an evaluation sees
 * @bank: the system's signals, then those of the subject (or NULLs)
 * @tree: the policy's verified model, or NULL
 * @leaf: out, the node of the model reached last
 */
struct ainka_env {
	struct ainka_bank bank[2];
	const struct ainka_tree_hdr *tree;
	u32 leaf;
};

/* Results of a condition: a comparison with a stale signal is unknown (Kleene). */
enum ainka_truth { AINKA_FALSE, AINKA_TRUE, AINKA_UNKNOWN };

int ainka_expr_compile(const char *text, u32 subject, bool has_model,
		       struct ainka_prog *prog, struct ainka_err *err);
int ainka_prog_verify(const struct ainka_prog *prog, u32 subject, bool has_model,
		      struct ainka_err *err);
enum ainka_truth ainka_prog_eval(const struct ainka_prog *prog, struct ainka_env *env);
u32 ainka_prog_render(const struct ainka_prog *prog, struct ainka_env *env,
		      char *buf, u32 size);

/* ---- integer decision trees (tree.c) ---- */

int ainka_tree_verify(const void *blob, u64 bytes, u32 subject, struct ainka_err *err);
/* false when a signal on the path is stale; *leaf is the node reached */
bool ainka_tree_eval(const struct ainka_tree_hdr *tree, const struct ainka_env *env,
		     s64 *result, u32 *leaf);
u32 ainka_tree_render(const struct ainka_tree_hdr *tree, const struct ainka_env *env,
		      char *buf, u32 size);

/* ---- on and off (hysteresis.c) ---- */

/**
 * struct ainka_hyst_cfg - when a condition turns a policy on and off
 * @for_ns: how long it must be true before the policy turns on
 * @hold_ns: minimum time on
 * @cooldown_ns: minimum time off before it turns on again
 */
struct ainka_hyst_cfg {
	u64 for_ns;
	u64 hold_ns;
	u64 cooldown_ns;
};

/* struct ainka_hyst - zero-initialised; on is the answer */
struct ainka_hyst {
	u8 on;
	u8 pending;	/* true since @true_since_ns, not yet on */
	u8 was_on;	/* has been on, so that the cool-down counts */
	u64 true_since_ns;
	u64 changed_ns;
};

/* Feed one evaluation; returns true when h->on changed. */
bool ainka_hyst_step(struct ainka_hyst *h, const struct ainka_hyst_cfg *cfg,
		     enum ainka_truth when, enum ainka_truth until, bool has_until,
		     u64 now_ns);

/* ---- values of tunables (value.c) ---- */

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

/*
 * Parse 10, -5, 4MiB, base, base+5, base-20%, model or a value's name; an
 * absolute value outside the bounds is refused. @unit is that of the tunable.
 */
int ainka_value_parse(const char *text, const struct ainka_bounds *b, const char *unit,
		      bool has_model, struct ainka_value *v, struct ainka_err *err);
/* The value to write; *clamped when bounds or step limited it. */
s64 ainka_value_resolve(const struct ainka_value *v, const struct ainka_bounds *b,
			s64 baseline, s64 current_value, s64 model, bool *clamped);

/* ---- budget of writes (budget.c): token bucket ---- */

struct ainka_budget {
	u64 last_ns;
	u64 credit_ns;	/* time saved up, one write costs period_ns */
};

bool ainka_budget_take(struct ainka_budget *b, u32 per_min, u32 burst, u64 now_ns);

/* ---- the state machine (state.c) ---- */

enum ainka_event {
	AINKA_EVENT_ADMIN,		/* an admin asks for a state; arg is the state */
	AINKA_EVENT_PROMOTED,		/* the learner has promoted a policy */
	AINKA_EVENT_LEARNER_GONE,	/* the lease has ended */
	AINKA_EVENT_STALL_HIGH,		/* full stall at or above emergency_threshold */
	AINKA_EVENT_STALL_LOW,		/* full stall below half of it for 10 s */
	AINKA_N_EVENTS
};

/* The state after the event; equal to @state where the table has no transition. */
u32 ainka_state_next(u32 state, enum ainka_event event, u32 arg);
/* May a policy of this origin write tunables in this state? */
bool ainka_state_allows(u32 state, u32 origin, u32 states_mask);

/* ---- features of tasks from their BPF records (task_features.c) ---- */

struct ainka_task_rec;
/* Fill val[] and fresh[] of AINKA_N_TASK_SIGNALS entries, indexed by signal. */
void ainka_task_features(const struct ainka_task_rec *rec, u64 now_ns, s64 *val, u8 *fresh);
/* The same for @n records, a row of AINKA_N_TASK_SIGNALS entries each. */
void ainka_task_features_batch(const struct ainka_task_rec *recs, u32 n, u64 now_ns,
			       s64 *val, u8 *fresh);

/* ---- histograms (hist.h, hist.c) ---- */

/* Midpoint of the bucket of a percentile; 0 when nothing was counted. */
u64 ainka_hist_percentile(const u32 *counts, u32 n, u32 permille);

#ifndef __KERNEL__
/* ---- the reader's side of the ring (ring_access.c), user space only ---- */

u64 ainka_ring_load_head(const void *producer_page);
void ainka_ring_store_tail(void *consumer_page, u64 tail);
#endif

#endif
