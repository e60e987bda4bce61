/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Private to model*.c: what evaluating and explaining a model share. */
#ifndef AINKA_CORE_MODEL_H
#define AINKA_CORE_MODEL_H

#include "ainka_core.h"
#include "expr.h"
#include "signals.h"
#include "text.h"

/* Values of leaves of a forest whose sum is exact. */
#define AINKA_LEAF_HIGHEST	((s64)1 << 57)

static inline const u16 *ainka_model_weights(const struct ainka_model *model, u32 row)
{
	return (const u16 *)&model->step[model->n_steps] + row * model->n_classes;
}

static inline bool ainka_model_is_linear(u8 kind)
{
	return kind == AINKA_MODEL_LINEAR || kind == AINKA_MODEL_THRESHOLD;
}

/*
 * A branch for each side: where values repeat it is predicted, and where they do
 * not it costs what it costs in compiled trees. The compiler must not replace it
 * by arithmetic, which has to wait for every value.
 */
static inline const struct ainka_step *ainka_keep_branch(const struct ainka_step *at)
{
	asm volatile("" : "+r" (at));
	return at;
}

static inline const struct ainka_step *
ainka_model_walk_fresh(const struct ainka_step *step, u32 root, const struct ainka_env *env)
{
	const struct ainka_step *at = step + root;
	u32 slot = at->slot;

	AINKA_COUNT_STEP();
	while (slot != AINKA_MODEL_LEAF) {
		AINKA_COUNT_STEP();
		if (env->val[slot] <= at->value) {
			at = ainka_keep_branch(at + 1);
			slot = at->slot;
		} else {
			at = ainka_keep_branch(step + at->right);
			slot = at->slot;
		}
	}
	return at;
}

const struct ainka_step *ainka_model_walk(const struct ainka_model *model, u32 tree,
					  const struct ainka_env *env);
s64 ainka_model_round(s64 sum, s64 divisor);
s64 ainka_model_term(const struct ainka_step *term, s64 val);
s64 ainka_model_linear(const struct ainka_model *model, const struct ainka_env *env);
bool ainka_model_rest(const struct ainka_model *model, const struct ainka_env *env, bool fresh,
		      s64 *result, u32 *leaf);

#endif
