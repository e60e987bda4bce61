// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "expr.h"

#define S64_HIGHEST	((s64)(~0ULL >> 1))
#define S64_LOWEST	(-S64_HIGHEST - 1)

/* Arithmetic must not overflow and must not trap: it saturates. */
static s64 saturated(bool negative)
{
	return negative ? S64_LOWEST : S64_HIGHEST;
}

/**
 * ainka_arith - one arithmetic operation
 * @op: AINKA_OP_NEG to AINKA_OP_MOD
 * @a: left operand, or the only one
 * @b: right operand
 * @result: out, saturated
 *
 * Return: false when the result is unknown (division by zero).
 */
bool ainka_arith(u8 op, s64 a, s64 b, s64 *result)
{
	switch (op) {
	case AINKA_OP_NEG:
		*result = a == S64_LOWEST ? S64_HIGHEST : -a;
		return true;
	case AINKA_OP_ADD:
		if (__builtin_add_overflow(a, b, result))
			*result = saturated(a < 0);
		return true;
	case AINKA_OP_SUB:
		if (__builtin_sub_overflow(a, b, result))
			*result = saturated(a < 0);
		return true;
	case AINKA_OP_MUL:
		if (__builtin_mul_overflow(a, b, result))
			*result = saturated((a < 0) != (b < 0));
		return true;
	case AINKA_OP_DIV:
		if (!b)
			return false;
		/* The one quotient that does not fit, and traps on x86. */
		*result = a == S64_LOWEST && b == -1 ? S64_HIGHEST : a / b;
		return true;
	default:
		if (!b)
			return false;
		*result = b == -1 ? 0 : a % b;
		return true;
	}
}

/**
 * ainka_vm_init - prepare an evaluation
 * @vm: state
 * @env: what it sees
 */
void ainka_vm_init(struct ainka_vm *vm, struct ainka_env *env)
{
	vm->env = env;
	vm->sp = 0;
	vm->model_state = 0;
	vm->model = 0;
}

static void push_model(struct ainka_vm *vm)
{
	/* A condition may name the model twice: it is asked once. */
	if (!vm->model_state) {
		bool known = vm->env->model && ainka_model_eval(vm->env->model, vm->env, &vm->model,
								&vm->env->leaf);

		vm->model_state = known ? 1 : 2;
	}
	vm->val[vm->sp] = vm->model;
	vm->known[vm->sp++] = vm->model_state == 1;
}

static void compare(struct ainka_vm *vm, u8 cmp)
{
	u32 a = --vm->sp - 1;

	if (vm->known[a] && vm->known[a + 1])
		vm->val[a] = ainka_compare(cmp, vm->val[a], vm->val[a + 1]);
	else
		vm->val[a] = AINKA_K_UNKNOWN;
}

static void arithmetic(struct ainka_vm *vm, u8 op)
{
	u32 a = --vm->sp - 1;

	vm->known[a] = vm->known[a] && vm->known[a + 1] &&
		       ainka_arith(op, vm->val[a], vm->val[a + 1], &vm->val[a]);
}

/**
 * ainka_vm_step - execute one instruction that is not a fused one
 * @vm: state
 * @in: instruction of a verified program
 */
void ainka_vm_step(struct ainka_vm *vm, const struct ainka_insn *in)
{
	s64 *top;

	switch (in->op) {
	case AINKA_OP_IMM:
		vm->val[vm->sp] = in->imm;
		vm->known[vm->sp++] = 1;
		break;
	case AINKA_OP_SIGNAL:
		vm->val[vm->sp] = vm->env->val[in->slot];
		vm->known[vm->sp++] = vm->env->fresh[in->slot];
		break;
	case AINKA_OP_MODEL:
		push_model(vm);
		break;
	case AINKA_OP_NEG:
		top = &vm->val[vm->sp - 1];
		ainka_arith(AINKA_OP_NEG, *top, 0, top);
		break;
	case AINKA_OP_CMP:
		compare(vm, in->cmp);
		break;
	case AINKA_OP_NOT:
		top = &vm->val[vm->sp - 1];
		*top = *top == AINKA_K_UNKNOWN ? AINKA_K_UNKNOWN : *top ^ AINKA_K_TRUE;
		break;
	case AINKA_OP_AND:
		vm->sp--;
		top = &vm->val[vm->sp - 1];
		*top &= top[1];
		break;
	case AINKA_OP_OR:
		vm->sp--;
		top = &vm->val[vm->sp - 1];
		*top |= top[1];
		break;
	default:
		arithmetic(vm, in->op);
		break;
	}
}

/**
 * ainka_prog_eval - evaluate a condition
 * @prog: verified program
 * @env: what it sees; @leaf is set when the model was asked
 *
 * Takes time in proportion to the instructions, calls nothing that can fail.
 *
 * Return: true, false or unknown; unknown turns nothing on.
 */
enum ainka_truth ainka_prog_eval(const struct ainka_prog *prog, struct ainka_env *env)
{
	const struct ainka_insn *in = prog->insn, *end = in + prog->len;
	struct ainka_vm vm;
	u32 sp = 0;
	s64 top = 0;

	/*
	 * The top of the stack and its depth stay in registers while fused
	 * instructions follow each other; memory is only written behind.
	 */
	ainka_vm_init(&vm, env);
	for (; in < end; in++) {
		AINKA_COUNT_STEP();
		if (in->op > AINKA_OP_TERM_OR) {
			vm.sp = sp;
			ainka_vm_step(&vm, in);
			sp = vm.sp;
			top = vm.val[sp - 1];
		} else if (in->op == AINKA_OP_TERM) {
			top = ainka_term(env, in);
			vm.val[sp++] = top;
		} else {
			top = ainka_join(in->op, top, ainka_term(env, in));
			vm.val[sp - 1] = top;
		}
	}
	if (top == AINKA_K_UNKNOWN)
		return AINKA_UNKNOWN;
	return top == AINKA_K_TRUE ? AINKA_TRUE : AINKA_FALSE;
}
