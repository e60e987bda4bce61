// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Text to program, by operator precedence with an explicit stack: the kernel's
 * stack is small and the text may be hostile, so nothing recurses.
 */
#include "expr_emit.h"

#define NESTING_MAX	16
/* Open parentheses and prefix operators, and a binary operator an operand. */
#define OPERATORS_MAX	(NESTING_MAX + AINKA_STACK_MAX)

/**
 * struct pending - an operator that waits for its right operand
 * @op: operation
 * @cmp: of a comparison
 * @prec: how tightly it binds, 0 for a parenthesis
 * @prefix: it is a prefix operator
 * @pos: where it stands
 * @len: its length
 */
struct pending {
	u8 op;
	u8 cmp;
	u8 prec;
	bool prefix;
	u16 pos;
	u16 len;
};

/**
 * struct parser - a text being compiled
 * @emit: the program
 * @n: entries of @op
 * @nesting: how many of them are parentheses or prefix operators
 * @op: operators that wait
 */
struct parser {
	struct ainka_emit emit;
	u32 n;
	u32 nesting;
	struct pending op[OPERATORS_MAX];
};

#define PREC_CMP	4

static u8 precedence(u8 op)
{
	switch (op) {
	case AINKA_OP_OR:
		return 1;
	case AINKA_OP_AND:
		return 2;
	case AINKA_OP_NOT:
		return 3;
	case AINKA_OP_CMP:
		return PREC_CMP;
	case AINKA_OP_ADD:
	case AINKA_OP_SUB:
		return 5;
	case AINKA_OP_NEG:
		return 7;
	default:
		return 6;
	}
}

static int fail(struct parser *p, const struct ainka_token *tok, const char *msg)
{
	return ainka_err_say(p->emit.err, tok->pos, tok->len, msg);
}

static int push(struct parser *p, const struct ainka_token *tok, u8 op, bool prefix)
{
	bool nests = prefix || tok->kind == AINKA_TOKEN_OPEN;
	struct pending *pending;

	if (nests && p->nesting >= NESTING_MAX)
		return fail(p, tok, "nested more than 16 deep");
	if (p->n >= OPERATORS_MAX)
		return fail(p, tok, "too many operators wait for their operand");
	p->nesting += nests;
	pending = &p->op[p->n++];
	pending->op = op;
	pending->cmp = tok->cmp;
	pending->prec = tok->kind == AINKA_TOKEN_OPEN ? 0 : precedence(op);
	pending->prefix = prefix;
	pending->pos = tok->pos;
	pending->len = tok->len;
	return 0;
}

/* Emit the waiting operators that bind at least as tightly as @prec. */
static int reduce(struct parser *p, u8 prec)
{
	while (p->n && p->op[p->n - 1].prec >= prec) {
		const struct pending *pending = &p->op[--p->n];
		struct ainka_token tok = {
			.op = pending->op,
			.cmp = pending->cmp,
			.pos = pending->pos,
			.len = pending->len,
		};
		int ret;

		p->nesting -= pending->prefix;
		ret = ainka_emit_op(&p->emit, &tok);
		if (ret)
			return ret;
	}
	return 0;
}

static int close_paren(struct parser *p, const struct ainka_token *tok)
{
	struct ainka_operand *o;
	int ret;

	ret = reduce(p, 1);
	if (ret)
		return ret;
	if (!p->n)
		return fail(p, tok, "a parenthesis is closed that was not opened");
	p->n--;
	p->nesting--;
	o = &p->emit.operand[p->emit.n - 1];
	o->pos = p->op[p->n].pos;
	o->end = tok->pos + tok->len;
	return 0;
}

static int binary(struct parser *p, const struct ainka_token *tok)
{
	u8 prec = precedence(tok->op);
	int ret;

	/* First what binds tighter, to tell 1 < 2 < 3 from 1 < 2 + 3. */
	ret = reduce(p, prec + 1);
	if (ret)
		return ret;
	if (prec == PREC_CMP && p->n && p->op[p->n - 1].prec == PREC_CMP)
		return fail(p, tok, "comparisons cannot be chained: join them with and");
	ret = reduce(p, prec);
	if (ret)
		return ret;
	return push(p, tok, tok->op, false);
}

/* A word where an operand must start; *done when the operand is complete. */
static int before_operand(struct parser *p, struct ainka_token *tok, u32 subject,
			  bool has_model, bool *done)
{
	switch (tok->kind) {
	case AINKA_TOKEN_NUMBER:
	case AINKA_TOKEN_WORD:
		*done = true;
		if (tok->kind == AINKA_TOKEN_WORD && ainka_is_window(&p->emit, tok))
			return ainka_emit_window(&p->emit, tok, subject);
		return ainka_emit_operand(&p->emit, tok, subject, has_model);
	case AINKA_TOKEN_OPEN:
		return push(p, tok, 0, false);
	case AINKA_TOKEN_NOT:
		return push(p, tok, AINKA_OP_NOT, true);
	case AINKA_TOKEN_END:
		return fail(p, tok, "ends where a signal, a number or ( is expected");
	default:
		if (tok->op == AINKA_OP_SUB && tok->kind == AINKA_TOKEN_BINARY)
			return push(p, tok, AINKA_OP_NEG, true);
		return fail(p, tok, "a signal, a number or ( is expected here");
	}
}

static int after_operand(struct parser *p, const struct ainka_token *tok, bool *complete)
{
	switch (tok->kind) {
	case AINKA_TOKEN_BINARY:
		*complete = false;
		return binary(p, tok);
	case AINKA_TOKEN_CLOSE:
		return close_paren(p, tok);
	default:
		return fail(p, tok, "an operator is expected here, for instance > or and");
	}
}

static int parse(struct parser *p, u32 subject, bool has_model)
{
	const struct ainka_operand *o = &p->emit.operand[0];
	struct ainka_token tok = { 0 };
	bool complete = false;
	int ret;

	for (;;) {
		ret = ainka_lex(p->emit.text, tok.pos + tok.len, &tok, p->emit.err);
		if (ret)
			return ret;
		if (complete && tok.kind == AINKA_TOKEN_END)
			break;
		ret = complete ? after_operand(p, &tok, &complete) :
				 before_operand(p, &tok, subject, has_model, &complete);
		if (ret)
			return ret;
	}
	ret = reduce(p, 1);
	if (ret)
		return ret;
	if (p->n)
		return ainka_err_say(p->emit.err, p->op[p->n - 1].pos, 1,
				     "this parenthesis is not closed");
	if (o->type != AINKA_TYPE_CONDITION)
		return ainka_err_say(p->emit.err, o->pos, o->end - o->pos,
				     "this is a number, not a condition: compare it with something");
	return 0;
}

/**
 * ainka_expr_compile - compile the text of a condition
 * @text: NUL-terminated, shorter than AINKA_EXPR_LEN
 * @subject: what the policy is evaluated for
 * @has_model: the policy has a model, the word for it is allowed
 * @windows: windows the text names are added where they are not there yet; NULL where
 *	     there can be none
 * @prog: out, a program that verifies
 * @err: out, what is wrong and where; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_expr_compile(const char *text, u32 subject, bool has_model,
		       struct ainka_windows *windows, struct ainka_prog *prog,
		       struct ainka_err *err)
{
	struct parser p = {
		.emit = { .text = text, .prog = prog, .windows = windows, .err = err },
	};
	struct ainka_flow flow;
	u32 len = 0;
	int ret;

	memset(prog, 0, sizeof(*prog));
	while (len < AINKA_EXPR_LEN && text[len])
		len++;
	if (len == AINKA_EXPR_LEN)
		return ainka_err_say(err, len - 1, 1, "longer than 511 characters");
	if (subject > AINKA_SUBJECT_DEVICE)
		return ainka_err_say(err, 0, 0, "no such subject");
	ret = parse(&p, subject, has_model);
	if (ret)
		return ret;
	ret = ainka_prog_flow(prog, subject, has_model, windows, &flow, err);
	if (ret)
		return ret;
	prog->depth = flow.depth;
	prog->signals = flow.signals;
	memcpy(prog->signal, flow.signal, sizeof(prog->signal));
	return 0;
}
