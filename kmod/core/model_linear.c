// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Linear models, in fixed point. */
#include "model.h"

/**
 * ainka_model_round - divide and round to the nearest number, halves away from 0
 * @sum: dividend
 * @divisor: divisor, from 1 to 2 ** 37
 *
 * Return: the quotient.
 */
s64 ainka_model_round(s64 sum, s64 divisor)
{
	s64 quotient = sum / divisor, rest = sum % divisor;

	if (rest < 0)
		rest = -rest;
	if (rest < divisor - rest)
		return quotient;
	return sum < 0 ? quotient - 1 : quotient + 1;
}

/**
 * ainka_model_term - what a term adds to the score
 * @term: a term of a linear model
 * @val: value of its signal
 *
 * Return: the product, saturated.
 */
s64 ainka_model_term(const struct ainka_step *term, s64 val)
{
	s64 product;

	ainka_arith(AINKA_OP_MUL, term->value, val, &product);
	return product;
}

static s64 saturated_add(s64 a, s64 b)
{
	s64 sum;

	ainka_arith(AINKA_OP_ADD, a, b, &sum);
	return sum;
}

/**
 * ainka_model_linear - ask a linear model
 * @model: the model
 * @env: what it sees, with every signal of the model fresh
 *
 * Return: its answer.
 */
s64 ainka_model_linear(const struct ainka_model *model, const struct ainka_env *env)
{
	s64 score = model->bias;
	u32 i;

	for (i = 0; i < model->n_terms; i++) {
		const struct ainka_step *term = &model->step[i];
		s64 product, sum;

		AINKA_COUNT_STEP();
		if (__builtin_mul_overflow(term->value, env->val[term->slot], &product) ||
		    __builtin_add_overflow(score, product, &sum))
			sum = saturated_add(score, ainka_model_term(term, env->val[term->slot]));
		score = sum;
	}
	if (model->kind == AINKA_MODEL_THRESHOLD)
		return score > 0;
	return ainka_model_round(score, (s64)1 << model->shift);
}
