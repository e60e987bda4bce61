// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Why a model said what it said, for people: the path through a tree; of a
 * forest first the votes, then the paths of the trees that decided; of a linear
 * model the largest terms.
 */
#include "model.h"

/* Terms of a linear model that are shown one by one. */
#define TERMS_SHOWN	4

static void put_signal(struct ainka_text *t, const struct ainka_step *step, s64 val)
{
	ainka_text_str(t, ainka_signal_by_id(step->signal)->name);
	ainka_text_str(t, " ");
	ainka_text_num(t, val);
}

static void put_stale(struct ainka_text *t, const struct ainka_step *step)
{
	ainka_text_str(t, ainka_signal_by_id(step->signal)->name);
	ainka_text_str(t, " stale");
}

static u32 argmax(const struct ainka_model *model, const u32 *sum)
{
	u32 i, best = 0;

	for (i = 0; i < model->n_classes; i++)
		if (sum[i] > sum[best])
			best = i;
	return best;
}

/* What one leaf says by itself. */
static u32 class_of_leaf(const struct ainka_model *model, const struct ainka_step *leaf)
{
	u32 sum[AINKA_MODEL_MAX_CLASSES] = { 0 }, i;

	if (model->kind == AINKA_MODEL_VOTE)
		return leaf->value;
	for (i = 0; i < model->n_classes; i++)
		sum[i] = ainka_model_weights(model, leaf->value)[i];
	return argmax(model, sum);
}

static s64 value_of_leaf(const struct ainka_model *model, const struct ainka_step *leaf)
{
	if (model->kind == AINKA_MODEL_MEAN)
		return ainka_model_round(leaf->value, (s64)1 << model->shift);
	return model->class_value[class_of_leaf(model, leaf)];
}

static void put_path(struct ainka_text *t, const struct ainka_model *model, u32 tree,
		     const struct ainka_env *env)
{
	const struct ainka_step *at = model->step + model->root[tree];

	while (at->slot != AINKA_MODEL_LEAF) {
		s64 val = env->val[at->slot];
		bool low = val <= at->value;

		if (!env->fresh[at->slot]) {
			put_stale(t, at);
			return;
		}
		put_signal(t, at, val);
		ainka_text_str(t, low ? " <= " : " > ");
		ainka_text_num(t, at->value);
		ainka_text_str(t, "; ");
		at = low ? at + 1 : model->step + at->right;
	}
	ainka_text_str(t, "leaf ");
	ainka_text_num(t, at - model->step);
	ainka_text_str(t, " = ");
	ainka_text_num(t, value_of_leaf(model, at));
}

static void put_tree(struct ainka_text *t, const struct ainka_model *model, u32 tree,
		     const struct ainka_env *env)
{
	ainka_text_str(t, "; tree ");
	ainka_text_num(t, tree);
	ainka_text_str(t, ": ");
	put_path(t, model, tree, env);
}

/* The classes with their votes, or with their shares of all weights in permille. */
static void put_votes(struct ainka_text *t, const struct ainka_model *model, const u32 *sum)
{
	u32 best = argmax(model, sum), total = 0, i;

	for (i = 0; i < model->n_classes; i++)
		total += sum[i];
	ainka_text_str(t, model->kind == AINKA_MODEL_VOTE ? "votes" : "permille");
	for (i = 0; i < model->n_classes; i++) {
		/* the winner first */
		u32 class = !i ? best : i <= best ? i - 1 : i;
		u64 share = sum[class];

		if (i && !share)
			continue;
		if (model->kind == AINKA_MODEL_WEIGH)
			share = total ? share * 1000 / total : 0;
		ainka_text_str(t, i ? ", " : " ");
		ainka_text_num(t, share);
		ainka_text_str(t, " for ");
		ainka_text_num(t, model->class_value[class]);
	}
}

static void put_chosen(struct ainka_text *t, const struct ainka_model *model,
		       const struct ainka_env *env)
{
	u32 sum[AINKA_MODEL_MAX_CLASSES] = { 0 }, best, i, j;

	for (i = 0; i < model->n_trees; i++) {
		const struct ainka_step *leaf = ainka_model_walk(model, i, env);

		if (model->kind == AINKA_MODEL_VOTE)
			sum[leaf->value]++;
		for (j = 0; model->kind == AINKA_MODEL_WEIGH && j < model->n_classes; j++)
			sum[j] += ainka_model_weights(model, leaf->value)[j];
	}
	put_votes(t, model, sum);
	best = argmax(model, sum);
	for (i = 0; i < model->n_trees && !t->cut; i++)
		if (class_of_leaf(model, ainka_model_walk(model, i, env)) == best)
			put_tree(t, model, i, env);
}

static void put_mean(struct ainka_text *t, const struct ainka_model *model,
		     const struct ainka_env *env)
{
	s64 total = 0;
	u32 i;

	for (i = 0; i < model->n_trees; i++)
		total += ainka_model_walk(model, i, env)->value;
	ainka_text_str(t, "mean ");
	ainka_text_num(t, ainka_model_round(total, (s64)model->n_trees << model->shift));
	ainka_text_str(t, " of ");
	ainka_text_num(t, model->n_trees);
	ainka_text_str(t, " trees");
	for (i = 0; i < model->n_trees && !t->cut; i++)
		put_tree(t, model, i, env);
}

static void put_forest(struct ainka_text *t, const struct ainka_model *model,
		       const struct ainka_env *env)
{
	u32 i;

	for (i = 0; i < model->n_trees; i++) {
		if (ainka_model_walk(model, i, env)->slot == AINKA_MODEL_LEAF)
			continue;
		ainka_text_str(t, "unknown");
		put_tree(t, model, i, env);
		return;
	}
	if (model->kind == AINKA_MODEL_MEAN)
		put_mean(t, model, env);
	else
		put_chosen(t, model, env);
}

static u64 size_of(s64 v)
{
	return v < 0 ? 0 - (u64)v : (u64)v;
}

/* Of the terms that were not shown the one that weighs most. */
static u32 next_term(const struct ainka_model *model, const struct ainka_env *env, u64 shown)
{
	u32 i, best = model->n_terms;
	u64 most = 0;

	for (i = 0; i < model->n_terms; i++) {
		const struct ainka_step *term = &model->step[i];
		u64 size = size_of(ainka_model_term(term, env->val[term->slot]));

		if (shown >> i & 1 || (best < model->n_terms && size <= most))
			continue;
		best = i;
		most = size;
	}
	return best;
}

static void put_signed(struct ainka_text *t, const struct ainka_model *model, s64 v)
{
	v = ainka_model_round(v, (s64)1 << model->shift);
	if (v >= 0)
		ainka_text_str(t, "+");
	ainka_text_num(t, v);
}

static void put_linear(struct ainka_text *t, const struct ainka_model *model,
		       const struct ainka_env *env)
{
	s64 score = model->bias;
	u64 shown = 0;
	u32 i, n;

	for (i = 0; i < model->n_terms; i++) {
		const struct ainka_step *term = &model->step[i];

		if (!env->fresh[term->slot]) {
			ainka_text_str(t, "unknown; ");
			put_stale(t, term);
			return;
		}
		ainka_arith(AINKA_OP_ADD, score, ainka_model_term(term, env->val[term->slot]),
			    &score);
	}
	ainka_text_str(t, "score ");
	ainka_text_num(t, ainka_model_round(score, (s64)1 << model->shift));
	if (model->kind == AINKA_MODEL_THRESHOLD)
		ainka_text_str(t, score > 0 ? " > 0" : " <= 0");
	for (n = 0; n < model->n_terms && n < TERMS_SHOWN; n++) {
		const struct ainka_step *term;

		i = next_term(model, env, shown);
		shown |= 1ULL << i;
		term = &model->step[i];
		ainka_text_str(t, "; ");
		put_signal(t, term, env->val[term->slot]);
		ainka_text_str(t, ": ");
		put_signed(t, model, ainka_model_term(term, env->val[term->slot]));
	}
	if (n < model->n_terms) {
		ainka_text_str(t, "; ");
		ainka_text_num(t, model->n_terms - n);
		ainka_text_str(t, " smaller terms");
	}
	ainka_text_str(t, "; bias ");
	put_signed(t, model, model->bias);
}

/**
 * ainka_model_render - why a model says what it says, as text
 * @model: the model
 * @env: what it sees
 * @buf: out, NUL-terminated
 * @size: size of @buf
 *
 * Return: length of the text; one that did not fit ends in three dots.
 */
u32 ainka_model_render(const struct ainka_model *model, const struct ainka_env *env,
		       char *buf, u32 size)
{
	struct ainka_text t;

	ainka_text_init(&t, buf, size);
	if (ainka_model_is_linear(model->kind))
		put_linear(&t, model, env);
	else if (model->n_trees == 1)
		put_path(&t, model, 0, env);
	else
		put_forest(&t, model, env);
	return ainka_text_end(&t);
}
