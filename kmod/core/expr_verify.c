// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "expr.h"

#define NUMBER		AINKA_TYPE_NUMBER
#define CONDITION	AINKA_TYPE_CONDITION
#define USES_TERM	(AINKA_USES_SIGNAL | AINKA_USES_CMP | AINKA_USES_IMM)

const struct ainka_shape ainka_shapes[AINKA_N_OPS] = {
	[AINKA_OP_TERM] = { "comparison", 0, CONDITION, CONDITION, USES_TERM },
	[AINKA_OP_TERM_AND] = { "and", 1, CONDITION, CONDITION, USES_TERM },
	[AINKA_OP_TERM_OR] = { "or", 1, CONDITION, CONDITION, USES_TERM },
	[AINKA_OP_IMM] = { "number", 0, NUMBER, NUMBER, AINKA_USES_IMM },
	[AINKA_OP_SIGNAL] = { "signal", 0, NUMBER, NUMBER, AINKA_USES_SIGNAL },
	[AINKA_OP_MODEL] = { "model", 0, NUMBER, NUMBER, 0 },
	[AINKA_OP_NEG] = { "-", 1, NUMBER, NUMBER, 0 },
	[AINKA_OP_ADD] = { "+", 2, NUMBER, NUMBER, 0 },
	[AINKA_OP_SUB] = { "-", 2, NUMBER, NUMBER, 0 },
	[AINKA_OP_MUL] = { "*", 2, NUMBER, NUMBER, 0 },
	[AINKA_OP_DIV] = { "/", 2, NUMBER, NUMBER, 0 },
	[AINKA_OP_MOD] = { "%", 2, NUMBER, NUMBER, 0 },
	[AINKA_OP_CMP] = { "comparison", 2, NUMBER, CONDITION, AINKA_USES_CMP },
	[AINKA_OP_NOT] = { "not", 1, CONDITION, CONDITION, 0 },
	[AINKA_OP_AND] = { "and", 2, CONDITION, CONDITION, 0 },
	[AINKA_OP_OR] = { "or", 2, CONDITION, CONDITION, 0 },
};

/**
 * ainka_cmp_name - how a comparison is written
 * @cmp: AINKA_CMP_LT to AINKA_CMP_GE
 *
 * Return: its sign.
 */
const char *ainka_cmp_name(u8 cmp)
{
	static const char * const name[] = { "?", "<", "==", "<=", ">", "!=", ">=" };

	return cmp <= AINKA_CMP_GE ? name[cmp] : name[0];
}

static bool readable(u16 id, u32 subject, const struct ainka_windows *windows)
{
	if (AINKA_SIG_BANK(id) == AINKA_BANK_WINDOW)
		return windows && AINKA_SIG_INDEX(id) < windows->n;
	return ainka_signal_fits(id, subject);
}

/* Is an instruction well formed by itself? */
static const char *check_insn(const struct ainka_insn *in, u32 subject, bool has_model,
			      const struct ainka_windows *windows)
{
	u8 uses;

	if (in->op >= AINKA_N_OPS)
		return "no such operation";
	uses = ainka_shapes[in->op].uses;
	if (uses & AINKA_USES_CMP ? !in->cmp || in->cmp > AINKA_CMP_GE : in->cmp)
		return "no such comparison";
	if (uses & AINKA_USES_SIGNAL ? !readable(in->signal, subject, windows) : in->signal)
		return "no such signal for this subject";
	if (in->slot != (uses & AINKA_USES_SIGNAL ? ainka_slot_of(in->signal) : 0))
		return "the slot is not that of the signal";
	if (in->pad || (in->imm && !(uses & AINKA_USES_IMM)))
		return "unused fields must be 0";
	if (in->op == AINKA_OP_MODEL && !has_model)
		return "the policy has no model";
	return NULL;
}

/* What the journal shows as a cause; of a window it is its signal. */
static void note_signal(struct ainka_flow *flow, u16 id, const struct ainka_windows *windows)
{
	u32 i;

	if (AINKA_SIG_BANK(id) == AINKA_BANK_WINDOW)
		id = windows->def[AINKA_SIG_INDEX(id)].signal;
	for (i = 0; i < flow->signals; i++)
		if (flow->signal[i] == id)
			return;
	if (flow->signals < AINKA_MAX_CAUSES)
		flow->signal[flow->signals++] = id;
}

/**
 * ainka_prog_flow - walk a program as its evaluation would
 * @prog: program; only @len and @insn are looked at
 * @subject: what the policy is evaluated for
 * @has_model: the policy has a model
 * @windows: the policy's verified windows, or NULL
 * @flow: out, what was found
 * @err: out, position is the number of an instruction
 *
 * Return: 0, or -EINVAL when an evaluation would go wrong.
 */
int ainka_prog_flow(const struct ainka_prog *prog, u32 subject, bool has_model,
		    const struct ainka_windows *windows, struct ainka_flow *flow,
		    struct ainka_err *err)
{
	u8 type[AINKA_STACK_MAX];
	u32 i, j, sp = 0;

	memset(flow, 0, sizeof(*flow));
	if (!prog->len || prog->len > AINKA_PROG_MAX)
		return ainka_err_say(err, 0, 0, "a program has 1 to 64 instructions");
	for (i = 0; i < prog->len; i++) {
		const struct ainka_insn *in = &prog->insn[i];
		const char *wrong = check_insn(in, subject, has_model, windows);
		const struct ainka_shape *shape;

		if (wrong)
			return ainka_err_say(err, i, 1, wrong);
		shape = &ainka_shapes[in->op];
		if (sp < shape->pops)
			return ainka_err_say(err, i, 1, "an operand is missing");
		sp -= shape->pops;
		for (j = 0; j < shape->pops; j++)
			if (type[sp + j] != shape->takes)
				return ainka_err_say(err, i, 1, "an operand has the wrong type");
		if (sp >= AINKA_STACK_MAX)
			return ainka_err_say(err, i, 1, "needs more than 16 stack entries");
		type[sp++] = shape->gives;
		if (sp > flow->depth)
			flow->depth = sp;
		if (shape->uses & AINKA_USES_SIGNAL)
			note_signal(flow, in->signal, windows);
	}
	if (sp != 1 || type[0] != CONDITION)
		return ainka_err_say(err, prog->len - 1, 1, "must leave exactly one condition");
	return 0;
}

/**
 * ainka_prog_verify - may this program be evaluated?
 * @prog: program from an unknown source; @len instructions must be readable
 * @subject: what the policy is evaluated for
 * @has_model: the policy has a model
 * @windows: the policy's verified windows, or NULL
 * @err: out, position is the number of an instruction; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_prog_verify(const struct ainka_prog *prog, u32 subject, bool has_model,
		      const struct ainka_windows *windows, struct ainka_err *err)
{
	struct ainka_flow flow;
	u32 i;
	int ret;

	if (subject > AINKA_SUBJECT_DEVICE)
		return ainka_err_say(err, 0, 0, "no such subject");
	ret = ainka_prog_flow(prog, subject, has_model, windows, &flow, err);
	if (ret)
		return ret;
	if (prog->depth != flow.depth || prog->pad)
		return ainka_err_say(err, 0, 0, "the depth is wrong");
	/* The causes go into the journal: they must be what is read. */
	if (prog->signals != flow.signals)
		return ainka_err_say(err, 0, 0, "the number of signals is wrong");
	for (i = 0; i < AINKA_MAX_CAUSES; i++)
		if (prog->signal[i] != flow.signal[i])
			return ainka_err_say(err, 0, 0, "the list of signals is wrong");
	return 0;
}
