// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "expr.h"
#include "window.h"

static void put_truth(struct ainka_text *t, s64 kleene)
{
	ainka_text_str(t, kleene == AINKA_K_TRUE ? ": true" :
		       kleene == AINKA_K_FALSE ? ": false" : ": unknown");
}

static void put_value(struct ainka_text *t, bool known, s64 val)
{
	ainka_text_str(t, " ");
	if (known)
		ainka_text_num(t, val);
	else
		ainka_text_str(t, "stale");
}

static void put_length(struct ainka_text *t, u32 ms)
{
	ainka_text_num(t, ms % 1000 ? ms : ms / 1000);
	ainka_text_str(t, ms % 1000 ? "ms" : "s");
}

static void put_name(struct ainka_text *t, const struct ainka_env *env, u16 id)
{
	const struct ainka_window_def *def;

	if (AINKA_SIG_BANK(id) != AINKA_BANK_WINDOW) {
		ainka_text_str(t, ainka_signal_by_id(id)->name);
		return;
	}
	if (!env->windows) {
		ainka_text_str(t, "window");
		return;
	}
	def = &env->windows->def[AINKA_SIG_INDEX(id)];
	ainka_text_str(t, ainka_window_name(def->func));
	ainka_text_str(t, "(");
	ainka_text_str(t, ainka_signal_by_id(def->signal)->name);
	ainka_text_str(t, ", ");
	put_length(t, def->length_ms);
	ainka_text_str(t, ")");
}

static void put_signal(struct ainka_text *t, const struct ainka_vm *vm,
		       const struct ainka_insn *in)
{
	u32 bank = AINKA_SIG_BANK(in->signal);

	put_name(t, vm->env, in->signal);
	if (bank == AINKA_BANK_WINDOW && !vm->env->fresh[in->slot])
		ainka_text_str(t, " unknown");
	else
		put_value(t, vm->env->fresh[in->slot], vm->env->val[in->slot]);
}

static void put_sign(struct ainka_text *t, const char *sign)
{
	ainka_text_str(t, " ");
	ainka_text_str(t, sign);
	ainka_text_str(t, " ");
}

static void put_leaf(struct ainka_text *t, const struct ainka_vm *vm, const struct ainka_insn *in)
{
	switch (in->op) {
	case AINKA_OP_IMM:
		ainka_text_num(t, in->imm);
		break;
	case AINKA_OP_SIGNAL:
		put_signal(t, vm, in);
		break;
	default:
		ainka_text_str(t, AINKA_WORD_MODEL);
		put_value(t, vm->model_state == 1, vm->model);
		break;
	}
}

/* First instruction of the operand that ends with instruction @last. */
static u32 operand_start(const struct ainka_prog *prog, u32 last)
{
	u32 need = 1;

	for (;;) {
		need += ainka_shapes[prog->insn[last].op].pops - 1u;
		if (!need)
			return last;
		last--;
	}
}

/* What is still to be written: an operand, an operator's sign, a parenthesis. */
enum todo { TODO_OPERAND, TODO_SIGN, TODO_CLOSE };

/*
 * Write the arithmetic that ends with instruction @last the way people read it.
 * Each instruction adds at most three entries net of its own, once.
 */
static void put_number(struct ainka_text *t, const struct ainka_prog *prog,
		       const struct ainka_vm *vm, u32 last)
{
	struct {
		u8 what;
		u8 insn;
	} stack[4 * AINKA_PROG_MAX];
	u32 n = 0;

	stack[n].what = TODO_OPERAND;
	stack[n++].insn = last;
	while (n) {
		u8 what = stack[--n].what, insn = stack[n].insn;
		const struct ainka_insn *in = &prog->insn[insn];
		const struct ainka_shape *shape = &ainka_shapes[in->op];

		if (what == TODO_CLOSE) {
			ainka_text_str(t, ")");
			continue;
		}
		if (what == TODO_SIGN) {
			put_sign(t, shape->name);
			continue;
		}
		if (!shape->pops) {
			put_leaf(t, vm, in);
			continue;
		}
		if (insn != last) {
			ainka_text_str(t, "(");
			stack[n].what = TODO_CLOSE;
			stack[n++].insn = insn;
		}
		stack[n].what = TODO_OPERAND;
		stack[n++].insn = insn - 1;
		if (shape->pops == 1) {
			ainka_text_str(t, shape->name);
			continue;
		}
		stack[n].what = TODO_SIGN;
		stack[n++].insn = insn;
		stack[n].what = TODO_OPERAND;
		stack[n++].insn = operand_start(prog, insn - 1) - 1;
	}
}

static void put_comparison(struct ainka_text *t, const struct ainka_prog *prog,
			   const struct ainka_vm *vm, u32 i)
{
	put_number(t, prog, vm, operand_start(prog, i - 1) - 1);
	put_sign(t, ainka_cmp_name(prog->insn[i].cmp));
	put_number(t, prog, vm, i - 1);
}

static void put_term(struct ainka_text *t, const struct ainka_vm *vm, const struct ainka_insn *in)
{
	put_signal(t, vm, in);
	put_sign(t, ainka_cmp_name(in->cmp));
	ainka_text_num(t, in->imm);
}

/* Execute a fused instruction; returns the truth of its comparison. */
static s64 step_term(struct ainka_vm *vm, const struct ainka_insn *in)
{
	s64 term = ainka_term(vm->env, in);

	if (in->op == AINKA_OP_TERM)
		vm->val[vm->sp++] = term;
	else
		vm->val[vm->sp - 1] = ainka_join(in->op, vm->val[vm->sp - 1], term);
	return term;
}

/**
 * ainka_prog_render - a condition with its values as text
 * @prog: verified program
 * @env: what it sees
 * @buf: out, NUL-terminated: each comparison and its truth, then, when the model
 *       was asked, the path through it
 * @size: size of @buf
 *
 * Return: length of the text; one that did not fit ends in three dots.
 */
u32 ainka_prog_render(const struct ainka_prog *prog, struct ainka_env *env,
		      char *buf, u32 size)
{
	struct ainka_text t;
	struct ainka_vm vm;
	u32 i;

	ainka_text_init(&t, buf, size);
	ainka_vm_init(&vm, env);
	for (i = 0; i < prog->len; i++) {
		const struct ainka_insn *in = &prog->insn[i];
		bool fused = in->op <= AINKA_OP_TERM_OR;
		s64 truth;

		if (!fused)
			ainka_vm_step(&vm, in);
		if (!fused && in->op != AINKA_OP_CMP)
			continue;
		if (t.len)
			ainka_text_str(&t, "; ");
		truth = fused ? step_term(&vm, in) : vm.val[vm.sp - 1];
		if (fused)
			put_term(&t, &vm, in);
		else
			put_comparison(&t, prog, &vm, i);
		put_truth(&t, truth);
	}
	if (vm.model_state && env->model && t.len + 2 < t.size) {
		ainka_text_str(&t, "; ");
		return t.len + ainka_model_render(env->model, env, buf + t.len, size - t.len);
	}
	return ainka_text_end(&t);
}
