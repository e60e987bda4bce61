// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "model.h"

/* Are all signals fresh that some way through the model reads? */
static bool all_fresh(const struct ainka_model *model, const struct ainka_env *env)
{
	const struct ainka_need *need = model->need;
	u64 stale = 0;
	u32 i;

	/* two are always there, if only with an empty mask: most models need no more */
	stale = (need[0].mask & ~env->fresh_word[need[0].word]) |
		(need[1].mask & ~env->fresh_word[need[1].word]);
	for (i = 2; i < model->n_need; i++)
		stale |= need[i].mask & ~env->fresh_word[need[i].word];
	return !stale;
}

/**
 * ainka_model_eval - ask a model
 * @model: the model
 * @env: what it sees
 * @result: out, its answer
 * @leaf: out, number of the node that the first tree ended at
 *
 * Where every signal is fresh that the model may read, nothing is checked on
 * the way. Otherwise the answer is the same as long as the ways through the
 * trees meet fresh signals only.
 *
 * Return: false, with @result untouched, when they meet a stale one.
 */
bool ainka_model_eval(const struct ainka_model *model, const struct ainka_env *env,
		      s64 *result, u32 *leaf)
{
	bool fresh = all_fresh(model, env);

	/* the most frequent case first, and nothing in its way */
	if (model->plain_tree && fresh) {
		const struct ainka_step *at = ainka_model_walk_fresh(model->step, 0, env);

		*leaf = at - model->step;
		*result = at->value;
		return true;
	}
	return ainka_model_rest(model, env, fresh, result, leaf);
}
