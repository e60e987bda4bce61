/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Private to expr_*.c: the instructions of a compiled condition and their
 * meaning. A program is postfix; its stack holds numbers, which may be unknown,
 * and conditions.
 */
#ifndef AINKA_CORE_EXPR_H
#define AINKA_CORE_EXPR_H

#include "ainka_core.h"
#include "signals.h"
#include "text.h"

/*
 * Most terms compare a signal with a constant and are joined by "and" or "or":
 * the first three instructions do that in one go.
 */
enum ainka_op {
	AINKA_OP_TERM,		/* push signal cmp imm */
	AINKA_OP_TERM_AND,	/* top = top and (signal cmp imm) */
	AINKA_OP_TERM_OR,	/* top = top or (signal cmp imm) */
	AINKA_OP_IMM,		/* push imm */
	AINKA_OP_SIGNAL,	/* push signal */
	AINKA_OP_MODEL,		/* push the result of the model */
	AINKA_OP_NEG,
	AINKA_OP_ADD,
	AINKA_OP_SUB,
	AINKA_OP_MUL,
	AINKA_OP_DIV,
	AINKA_OP_MOD,
	AINKA_OP_CMP,		/* of two numbers: push a cmp b */
	AINKA_OP_NOT,
	AINKA_OP_AND,
	AINKA_OP_OR,
	AINKA_N_OPS
};

/* The fuzzers count what an evaluation does, to hold it against its stated cost. */
#ifdef AINKA_COUNT_STEPS
extern u64 ainka_steps;
#define AINKA_COUNT_STEP()	(ainka_steps++)
#else
#define AINKA_COUNT_STEP()	do { } while (0)
#endif

/* A comparison is the set of outcomes that make it true. */
#define AINKA_CMP_LT	1
#define AINKA_CMP_EQ	2
#define AINKA_CMP_LE	3
#define AINKA_CMP_GT	4
#define AINKA_CMP_NE	5
#define AINKA_CMP_GE	6

/* Kleene's logic in bits, so that "and" is & and "or" is | without a branch. */
enum ainka_kleene { AINKA_K_FALSE = 0, AINKA_K_UNKNOWN = 1, AINKA_K_TRUE = 3 };

enum ainka_type { AINKA_TYPE_NUMBER, AINKA_TYPE_CONDITION };

/* Fields of an instruction that its operation uses; the others are 0. */
#define AINKA_USES_SIGNAL	1
#define AINKA_USES_CMP		2
#define AINKA_USES_IMM		4

/**
 * struct ainka_shape - what an operation does with the stack
 * @name: how it is written
 * @pops: operands
 * @takes: their type
 * @gives: type of the one result
 * @uses: fields of the instruction
 */
struct ainka_shape {
	const char *name;
	u8 pops;
	u8 takes;
	u8 gives;
	u8 uses;
};

extern const struct ainka_shape ainka_shapes[AINKA_N_OPS];
const char *ainka_cmp_name(u8 cmp);

/**
 * struct ainka_flow - what walking a program finds out
 * @depth: stack entries it needs
 * @signals: entries of @signal
 * @signal: signals read, in order of first use
 */
struct ainka_flow {
	u16 depth;
	u16 signals;
	u16 signal[AINKA_MAX_CAUSES];
};

int ainka_prog_flow(const struct ainka_prog *prog, u32 subject, bool has_model,
		    const struct ainka_windows *windows, struct ainka_flow *flow,
		    struct ainka_err *err);

/**
 * struct ainka_vm - the state of an evaluation
 * @env: the environment
 * @sp: entries of the stack
 * @model_state: 0 not yet asked, 1 known, 2 unknown
 * @model: its result
 * @val: the stack: numbers, and enum ainka_kleene for conditions
 * @known: of a number: not unknown
 */
struct ainka_vm {
	struct ainka_env *env;
	u32 sp;
	u32 model_state;
	s64 model;
	s64 val[AINKA_STACK_MAX];
	u8 known[AINKA_STACK_MAX];
};

void ainka_vm_init(struct ainka_vm *vm, struct ainka_env *env);
void ainka_vm_step(struct ainka_vm *vm, const struct ainka_insn *in);
bool ainka_arith(u8 op, s64 a, s64 b, s64 *result);

static inline u32 ainka_compare(u8 cmp, s64 a, s64 b)
{
	/* The bit of less, equal or greater: no branch to mispredict. */
	u32 outcome = 1 + (a > b) - (a < b);

	return (0u - (cmp >> outcome & 1)) & AINKA_K_TRUE;
}

static inline s64 ainka_join(u8 op, s64 a, s64 b)
{
	return op == AINKA_OP_TERM_AND ? a & b : a | b;
}

/* The comparison of a fused instruction; unknown without a branch to mispredict. */
static inline u32 ainka_term(const struct ainka_env *env, const struct ainka_insn *in)
{
	u32 fresh = env->fresh[in->slot];
	u32 known = ainka_compare(in->cmp, env->val[in->slot], in->imm);

	return (known & (0u - fresh)) | (AINKA_K_UNKNOWN & (fresh - 1));
}

#endif
