// SPDX-License-Identifier: Apache-2.0
/* A verified program, one instruction after the other, each with a case of its own. */
#include "expr.h"
#include "reference.h"

/* Something on the stack: a number, or a truth. */
struct entry {
	struct number number;
	enum truth truth;
};

static struct number read_slot(const struct moment *m, u32 id, const struct number *window)
{
	return id >> 8 == AINKA_BANK_WINDOW ? window[id & 0xff] : signal_now(m, id);
}

static enum truth term(const struct ainka_insn *in, const struct moment *m,
		       const struct number *window)
{
	static const char * const sign[] = { "", "<", "==", "<=", ">", "!=", ">=" };
	const struct number constant = { true, in->imm };

	return compare(sign[in->cmp], read_slot(m, in->signal, window), constant);
}

static enum truth both(enum truth a, enum truth b)
{
	if (a == NO || b == NO)
		return NO;
	return a == YES && b == YES ? YES : UNKNOWN;
}

static enum truth either(enum truth a, enum truth b)
{
	if (a == YES || b == YES)
		return YES;
	return a == NO && b == NO ? NO : UNKNOWN;
}

enum truth program_truth(const struct ainka_prog *prog, const struct moment *m,
			 struct number model, const struct number *window)
{
	static const char * const sign[] = { "", "<", "==", "<=", ">", "!=", ">=" };
	const struct number zero = { true, 0 };
	struct entry stack[AINKA_PROG_MAX + 1] = { 0 };
	struct entry *top = stack;	/* the first free one */

	for (u32 i = 0; i < prog->len; i++) {
		const struct ainka_insn *in = &prog->insn[i];

		switch (in->op) {
		case AINKA_OP_TERM:
			(top++)->truth = term(in, m, window);
			break;
		case AINKA_OP_TERM_AND:
			top[-1].truth = both(top[-1].truth, term(in, m, window));
			break;
		case AINKA_OP_TERM_OR:
			top[-1].truth = either(top[-1].truth, term(in, m, window));
			break;
		case AINKA_OP_IMM:
			(top++)->number = (struct number){ true, in->imm };
			break;
		case AINKA_OP_SIGNAL:
			(top++)->number = read_slot(m, in->signal, window);
			break;
		case AINKA_OP_MODEL:
			(top++)->number = model;
			break;
		case AINKA_OP_NEG:
			top[-1].number = arithmetic('-', zero, top[-1].number);
			break;
		case AINKA_OP_ADD:
			top--;
			top[-1].number = arithmetic('+', top[-1].number, top[0].number);
			break;
		case AINKA_OP_SUB:
			top--;
			top[-1].number = arithmetic('-', top[-1].number, top[0].number);
			break;
		case AINKA_OP_MUL:
			top--;
			top[-1].number = arithmetic('*', top[-1].number, top[0].number);
			break;
		case AINKA_OP_DIV:
			top--;
			top[-1].number = arithmetic('/', top[-1].number, top[0].number);
			break;
		case AINKA_OP_MOD:
			top--;
			top[-1].number = arithmetic('%', top[-1].number, top[0].number);
			break;
		case AINKA_OP_CMP:
			top--;
			top[-1].truth = compare(sign[in->cmp], top[-1].number, top[0].number);
			break;
		case AINKA_OP_NOT:
			top[-1].truth = top[-1].truth == YES ? NO :
					top[-1].truth == NO ? YES : UNKNOWN;
			break;
		case AINKA_OP_AND:
			top--;
			top[-1].truth = both(top[-1].truth, top[0].truth);
			break;
		case AINKA_OP_OR:
			top--;
			top[-1].truth = either(top[-1].truth, top[0].truth);
			break;
		}
	}
	return stack[0].truth;
}
