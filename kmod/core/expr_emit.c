// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "expr_emit.h"

static void put_slice(struct ainka_text *t, const struct ainka_emit *e, u32 pos, u32 end)
{
	const u32 most = 44;

	if (end - pos <= most) {
		ainka_text_put(t, e->text + pos, end - pos);
		return;
	}
	ainka_text_put(t, e->text + pos, most - 3);
	ainka_text_str(t, "...");
}

static int say_operand(struct ainka_emit *e, const struct ainka_operand *o, const char *msg)
{
	struct ainka_text t;

	ainka_err_start(&t, e->err, o->pos, o->end - o->pos);
	put_slice(&t, e, o->pos, o->end);
	ainka_text_str(&t, msg);
	ainka_text_end(&t);
	return -EINVAL;
}

static int emit(struct ainka_emit *e, const struct ainka_token *tok, u8 op, u8 cmp, u16 signal,
		s64 imm)
{
	struct ainka_prog *prog = e->prog;
	struct ainka_insn *in;

	if (prog->len >= AINKA_PROG_MAX)
		return ainka_err_say(e->err, tok->pos, tok->len,
				     "the condition is too long: at most 64 instructions");
	in = &prog->insn[prog->len++];
	in->op = op;
	in->cmp = cmp;
	in->signal = signal;
	in->slot = op == AINKA_OP_SIGNAL ? ainka_slot_of(signal) : 0;
	in->imm = imm;
	return 0;
}

static void unknown_signal(struct ainka_emit *e, const struct ainka_token *tok, u32 subject)
{
	const struct ainka_signal_def *near;
	struct ainka_text t;

	near = ainka_signal_nearest(e->text + tok->pos, tok->len, subject);
	ainka_err_start(&t, e->err, tok->pos, tok->len);
	ainka_text_str(&t, "unknown signal ");
	put_slice(&t, e, tok->pos, tok->pos + tok->len);
	if (near) {
		ainka_text_str(&t, "; did you mean ");
		ainka_text_str(&t, near->name);
		ainka_text_str(&t, "?");
	} else {
		ainka_text_str(&t, ", and none for subject ");
		ainka_text_str(&t, ainka_subject_name(subject));
		ainka_text_str(&t, " is like it");
	}
	ainka_text_end(&t);
}

static void foreign_signal(struct ainka_emit *e, const struct ainka_token *tok, u32 subject,
			   const struct ainka_signal_def *def)
{
	struct ainka_text t;

	ainka_err_start(&t, e->err, tok->pos, tok->len);
	ainka_text_str(&t, def->name);
	ainka_text_str(&t, " is a signal of subject ");
	ainka_text_str(&t, ainka_subject_name(AINKA_SIG_BANK(def->id)));
	ainka_text_str(&t, ", but the policy's subject is ");
	ainka_text_str(&t, ainka_subject_name(subject));
	ainka_text_end(&t);
}

/**
 * ainka_emit_signal - the signal that a word names
 * @e: program
 * @tok: the word
 * @subject: what the policy is evaluated for
 *
 * Return: the signal, or NULL when the policy may not read it.
 */
const struct ainka_signal_def *ainka_emit_signal(struct ainka_emit *e,
						 const struct ainka_token *tok, u32 subject)
{
	const struct ainka_signal_def *def = ainka_signal_by_name(e->text + tok->pos, tok->len);

	if (!def)
		unknown_signal(e, tok, subject);
	else if (!ainka_signal_fits(def->id, subject))
		foreign_signal(e, tok, subject, def);
	else
		return def;
	return NULL;
}

static struct ainka_operand *new_operand(struct ainka_emit *e, u32 pos, u32 end)
{
	struct ainka_operand *o;

	if (e->n >= AINKA_STACK_MAX) {
		ainka_err_say(e->err, pos, end - pos,
			      "too many operands wait for their operator: at most 16");
		return NULL;
	}
	o = &e->operand[e->n++];
	memset(o, 0, sizeof(*o));
	o->pos = pos;
	o->end = end;
	o->insn = e->prog->len;
	return o;
}

/**
 * ainka_emit_read - emit the reading of a slot
 * @e: program
 * @id: a signal, or a window over it
 * @def: the signal
 * @pos: where the text of the operand starts
 * @end: where it ends
 *
 * Return: 0, or -EINVAL.
 */
int ainka_emit_read(struct ainka_emit *e, u16 id, const struct ainka_signal_def *def, u32 pos,
		    u32 end)
{
	const struct ainka_token tok = { .pos = pos, .len = end - pos };
	struct ainka_operand *o = new_operand(e, pos, end);

	if (!o)
		return -EINVAL;
	o->unit = ainka_unit_by_name(def->unit, strlen(def->unit));
	return emit(e, &tok, AINKA_OP_SIGNAL, 0, id, 0);
}

static int emit_number(struct ainka_emit *e, const struct ainka_token *tok)
{
	struct ainka_operand *o = new_operand(e, tok->pos, tok->pos + tok->len);

	if (!o)
		return -EINVAL;
	o->constant = true;
	o->unit = tok->unit;
	o->pending = tok->unit;
	return emit(e, tok, AINKA_OP_IMM, 0, 0, tok->num);
}

/**
 * ainka_emit_operand - emit a number, a signal or the model
 * @e: program
 * @tok: the word
 * @subject: what the policy is evaluated for
 * @has_model: the policy has a model
 *
 * Return: 0, or -EINVAL.
 */
int ainka_emit_operand(struct ainka_emit *e, const struct ainka_token *tok, u32 subject,
		       bool has_model)
{
	const struct ainka_signal_def *def;

	if (tok->kind == AINKA_TOKEN_NUMBER)
		return emit_number(e, tok);
	if (tok->len == strlen(AINKA_WORD_MODEL) &&
	    !strncmp(e->text + tok->pos, AINKA_WORD_MODEL, tok->len)) {
		if (!has_model)
			return ainka_err_say(e->err, tok->pos, tok->len,
					     "the policy has no model, so it cannot be asked");
		if (!new_operand(e, tok->pos, tok->pos + tok->len))
			return -EINVAL;
		return emit(e, tok, AINKA_OP_MODEL, 0, 0, 0);
	}
	def = ainka_emit_signal(e, tok, subject);
	if (!def)
		return -EINVAL;
	return ainka_emit_read(e, def->id, def, tok->pos, tok->pos + tok->len);
}

/* 20ms beside a signal in microseconds becomes 20000. */
static int convert(struct ainka_emit *e, struct ainka_operand *lit,
		   const struct ainka_operand *other)
{
	s64 *num = &e->prog->insn[lit->insn].imm;
	const struct ainka_literal value = { .num = *num, .unit = lit->unit };
	struct ainka_text t;

	if (ainka_literal_convert(&value, other->unit, num)) {
		lit->unit = other->unit;
		lit->pending = false;
		return 0;
	}
	ainka_err_start(&t, e->err, lit->pos, lit->end - lit->pos);
	put_slice(&t, e, lit->pos, lit->end);
	if (other->unit && other->unit->dim == lit->unit->dim) {
		ainka_text_str(&t, " is not a whole number of ");
		ainka_text_str(&t, other->unit->name);
		ainka_text_str(&t, ", the unit of ");
		put_slice(&t, e, other->pos, other->end);
	} else {
		ainka_text_str(&t, " does not fit ");
		put_slice(&t, e, other->pos, other->end);
		ainka_text_str(&t, other->unit ? ", which takes " : ", which takes plain numbers");
		if (other->unit)
			ainka_units_put(&t, other->unit);
	}
	ainka_text_end(&t);
	return -EINVAL;
}

/* Settle the units of two operands and find that of the result. */
static int settle(struct ainka_emit *e, u8 op, struct ainka_operand *a, struct ainka_operand *b)
{
	bool product = op == AINKA_OP_MUL;
	bool ratio = op == AINKA_OP_DIV;

	if (a->pending && b->pending && !product) {
		if (a->unit->dim != b->unit->dim)
			return convert(e, b, a);
		if (ratio) {
			a->unit = NULL;
			a->pending = false;
		}
		return 0;
	}
	/* A plain number only scales: 2 * 20ms, 20ms / 2. */
	if (product || ratio) {
		struct ainka_operand *scale = product && a->constant && !a->pending ? a : b;
		const struct ainka_operand *scaled = scale == a ? b : a;

		if (scale->constant && !scale->unit) {
			a->unit = scaled->unit;
			a->pending = scaled->pending;
			return 0;
		}
	}
	if (a->pending || b->pending) {
		int ret = product ? say_operand(e, a->pending ? a : b,
						" can be multiplied with a plain number only") :
			  a->pending ? convert(e, a, b) : convert(e, b, a);

		if (ret)
			return ret;
	}
	if (product || ratio)
		a->unit = NULL;
	else if (a->constant && !a->unit)
		a->unit = b->unit;
	else if (a->unit != b->unit && !(b->constant && !b->unit))
		a->unit = NULL;
	return 0;
}

static bool fold(struct ainka_emit *e, u8 op, const struct ainka_operand *a,
		 const struct ainka_operand *b)
{
	struct ainka_insn *in = e->prog->insn;
	s64 result;

	if (!a->constant || (b && !b->constant) ||
	    !ainka_arith(op, in[a->insn].imm, b ? in[b->insn].imm : 0, &result))
		return false;
	in[a->insn].imm = result;
	e->prog->len = a->insn + 1;
	return true;
}

/* signal < constant, constant < signal: one instruction instead of three. */
static bool fuse_compare(struct ainka_emit *e, u8 cmp)
{
	static const u8 mirror[] = {
		0, AINKA_CMP_GT, AINKA_CMP_EQ, AINKA_CMP_GE,
		AINKA_CMP_LT, AINKA_CMP_NE, AINKA_CMP_LE,
	};
	struct ainka_insn *in = &e->prog->insn[e->prog->len - 2];

	if (in[0].op == AINKA_OP_IMM && in[1].op == AINKA_OP_SIGNAL) {
		in[0].signal = in[1].signal;
		in[0].slot = in[1].slot;
		cmp = mirror[cmp];
	} else if (in[0].op == AINKA_OP_SIGNAL && in[1].op == AINKA_OP_IMM) {
		in[0].imm = in[1].imm;
	} else {
		return false;
	}
	in[0].op = AINKA_OP_TERM;
	in[0].cmp = cmp;
	memset(&in[1], 0, sizeof(in[1]));
	e->prog->len--;
	return true;
}

/* … and signal < constant: the join goes into the term. */
static bool fuse_join(struct ainka_emit *e, u8 op, const struct ainka_operand *b)
{
	struct ainka_insn *in = &e->prog->insn[b->insn];

	if (b->insn + 1 != e->prog->len || in->op != AINKA_OP_TERM)
		return false;
	in->op = op == AINKA_OP_AND ? AINKA_OP_TERM_AND : AINKA_OP_TERM_OR;
	return true;
}

/**
 * ainka_emit_op - emit an operation on the last operands
 * @e: program
 * @op: its word; the operands are there
 *
 * Return: 0, or -EINVAL.
 */
int ainka_emit_op(struct ainka_emit *e, const struct ainka_token *op)
{
	const struct ainka_shape *shape = &ainka_shapes[op->op];
	struct ainka_operand *a = &e->operand[e->n - shape->pops];
	struct ainka_operand *b = shape->pops == 2 ? a + 1 : NULL;
	bool number = shape->takes == AINKA_TYPE_NUMBER;
	u32 i;

	for (i = 0; i < shape->pops; i++)
		if (a[i].type != shape->takes)
			return say_operand(e, &a[i], number ?
					   " is a condition, where a number is needed" :
					   " is a number, where a condition is needed");
	if (b && number) {
		int ret = settle(e, op->op, a, b);

		if (ret)
			return ret;
	}
	e->n -= shape->pops - 1;
	if (op->pos < a->pos)
		a->pos = op->pos;
	if (b)
		a->end = b->end;
	a->type = shape->gives;
	if (op->op == AINKA_OP_CMP) {
		if (a->pending)
			return say_operand(e, a, " has units, but no signal beside them");
		a->constant = false;
		if (fuse_compare(e, op->cmp))
			return 0;
	} else if (number) {
		if (fold(e, op->op, a, b))
			return 0;
		a->constant = false;
		a->pending = false;
	} else if (b && fuse_join(e, op->op, b)) {
		return 0;
	}
	return emit(e, op, op->op, op->cmp, 0, 0);
}
