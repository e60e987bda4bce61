// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Trees whose answers are put together. */
#include "model.h"

/**
 * ainka_model_walk - go through one tree, minding what is stale
 * @model: model of trees
 * @tree: number of the tree
 * @env: what it sees
 *
 * Return: the leaf, or the node whose signal is stale.
 */
const struct ainka_step *ainka_model_walk(const struct ainka_model *model, u32 tree,
					  const struct ainka_env *env)
{
	const struct ainka_step *at = model->step + model->root[tree];

	AINKA_COUNT_STEP();
	while (at->slot != AINKA_MODEL_LEAF && env->fresh[at->slot]) {
		AINKA_COUNT_STEP();
		at = env->val[at->slot] <= at->value ? at + 1 : model->step + at->right;
	}
	return at;
}

/* Of classes that are equal the first one. */
static s64 choose(const struct ainka_model *model, const u32 *sum)
{
	u32 i, best = 0;

	for (i = 0; i < model->n_classes; i++) {
		AINKA_COUNT_STEP();
		if (sum[i] > sum[best])
			best = i;
	}
	return model->class_value[best];
}

static void add_weights(const struct ainka_model *model, u32 row, u32 *sum)
{
	const u16 *weight = ainka_model_weights(model, row);
	u32 i;

	for (i = 0; i < model->n_classes; i++) {
		AINKA_COUNT_STEP();
		sum[i] += weight[i];
	}
}

static bool forest(const struct ainka_model *model, const struct ainka_env *env, bool fresh,
		   s64 *result, u32 *leaf)
{
	u32 sum[AINKA_MODEL_MAX_CLASSES] = { 0 };
	s64 total = 0;
	u32 i;

	for (i = 0; i < model->n_trees; i++) {
		const struct ainka_step *at =
			fresh ? ainka_model_walk_fresh(model->step, model->root[i], env) :
				ainka_model_walk(model, i, env);

		if (!i)
			*leaf = at - model->step;
		if (at->slot != AINKA_MODEL_LEAF)
			return false;
		if (model->kind == AINKA_MODEL_MEAN)
			total += at->value;
		else if (model->kind == AINKA_MODEL_VOTE)
			sum[at->value]++;
		else
			add_weights(model, at->value, sum);
	}
	if (model->kind == AINKA_MODEL_MEAN)
		*result = ainka_model_round(total, (s64)model->n_trees << model->shift);
	else
		*result = choose(model, sum);
	return true;
}

/**
 * ainka_model_rest - ask a model that is not a tree, or not all fresh
 * @model: the model
 * @env: what it sees
 * @fresh: every signal of the model is fresh
 * @result: out, its answer
 * @leaf: out, number of the node that the first tree ended at
 *
 * Not part of ainka_model_eval(), so that its short way keeps nothing on the stack.
 *
 * Return: false, with @result untouched, when it meets a stale signal.
 */
bool ainka_model_rest(const struct ainka_model *model, const struct ainka_env *env, bool fresh,
		      s64 *result, u32 *leaf)
{
	if (!ainka_model_is_linear(model->kind))
		return forest(model, env, fresh, result, leaf);
	*leaf = 0;
	if (fresh)
		*result = ainka_model_linear(model, env);
	return fresh;
}
