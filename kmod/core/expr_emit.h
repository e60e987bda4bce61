/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Private to expr_*.c: from operations in postfix order to instructions. */
#ifndef AINKA_CORE_EXPR_EMIT_H
#define AINKA_CORE_EXPR_EMIT_H

#include "expr_lex.h"

/**
 * struct ainka_operand - an operand whose instructions are already there
 * @unit: its unit, or NULL
 * @pos: where its text starts
 * @end: where it ends
 * @type: enum ainka_type
 * @insn: its first instruction
 * @constant: a number known now, in the one instruction @insn
 * @pending: a constant with a unit, not yet in that of a signal
 */
struct ainka_operand {
	const struct ainka_unit *unit;
	u16 pos;
	u16 end;
	u8 type;
	u8 insn;
	bool constant;
	bool pending;
};

/**
 * struct ainka_emit - a program in the making
 * @text: the text it is made from
 * @prog: the program
 * @windows: the windows it reads, and those of other programs of the policy
 * @err: why it cannot be made
 * @n: entries of @operand
 * @operand: the operands that wait for an operation
 */
struct ainka_emit {
	const char *text;
	struct ainka_prog *prog;
	struct ainka_windows *windows;
	struct ainka_err *err;
	u32 n;
	struct ainka_operand operand[AINKA_STACK_MAX];
};

const struct ainka_signal_def *ainka_emit_signal(struct ainka_emit *e,
						 const struct ainka_token *tok, u32 subject);
int ainka_emit_read(struct ainka_emit *e, u16 id, const struct ainka_signal_def *def, u32 pos,
		    u32 end);
int ainka_emit_window(struct ainka_emit *e, struct ainka_token *tok, u32 subject);
bool ainka_is_window(const struct ainka_emit *e, const struct ainka_token *tok);
int ainka_emit_operand(struct ainka_emit *e, const struct ainka_token *tok, u32 subject,
		       bool has_model);
int ainka_emit_op(struct ainka_emit *e, const struct ainka_token *op);

#endif
