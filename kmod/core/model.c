// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * From a blob of an unknown source to a model that can be evaluated without a
 * further check. Trees are in preorder, so one pass with a short stack shows
 * that each node is reached on exactly one way and nothing goes in circles.
 */
#include "model.h"

/**
 * struct loader - a blob being read
 * @hdr: its header
 * @subject: what the policy is evaluated for
 * @classes: values of the classes
 * @nodes: nodes
 * @terms: terms
 * @weights: rows of weights
 * @end: end of the blob
 * @model: what is made of it
 * @at: number of the node or term that is looked at
 */
struct loader {
	struct ainka_model_hdr hdr;
	u32 subject;
	const u8 *classes;
	const u8 *nodes;
	const u8 *terms;
	const u8 *weights;
	const u8 *end;
	struct ainka_model *model;
	u32 at;
};

static bool has_classes(u8 kind)
{
	return kind == AINKA_MODEL_VOTE || kind == AINKA_MODEL_WEIGH;
}

static const char *check_trees(const struct ainka_model_hdr *hdr)
{
	if (!hdr->n_trees || hdr->n_trees > AINKA_MODEL_MAX_TREES)
		return "a forest has 1 to 32 trees";
	if (hdr->n_nodes < hdr->n_trees || hdr->n_nodes > AINKA_MODEL_MAX_NODES)
		return "the trees have together at most 4096 nodes, and at least one each";
	if (hdr->n_terms || hdr->bias)
		return "terms and bias belong to a linear model";
	if (has_classes(hdr->kind) ?
	    !hdr->n_classes || hdr->n_classes > AINKA_MODEL_MAX_CLASSES : hdr->n_classes)
		return "a model that chooses has 1 to 16 classes, another has none";
	if (hdr->kind == AINKA_MODEL_WEIGH ?
	    !hdr->n_rows || hdr->n_rows > AINKA_MODEL_MAX_NODES : hdr->n_rows)
		return "a model that weighs has 1 to 4096 rows of weights, another has none";
	if (hdr->shift > (hdr->kind == AINKA_MODEL_MEAN ? AINKA_MODEL_MAX_SHIFT : 0))
		return "the shift is 0 to 32, and 0 for a model that chooses";
	return NULL;
}

static const char *check_linear(const struct ainka_model_hdr *hdr)
{
	if (hdr->n_trees || hdr->n_nodes || hdr->n_classes || hdr->n_rows)
		return "a linear model has no trees, nodes, classes or rows";
	if (hdr->n_terms > AINKA_MODEL_MAX_TERMS)
		return "a linear model has at most 64 terms";
	if (hdr->shift > AINKA_MODEL_MAX_SHIFT)
		return "the shift is 0 to 32";
	return NULL;
}

static const char *check_header(const struct ainka_model_hdr *hdr)
{
	if (hdr->magic != AINKA_MODEL_MAGIC)
		return "the model's magic number is wrong";
	if (hdr->version != AINKA_MODEL_VERSION)
		return "the model is of another version than 1";
	if (hdr->pad)
		return "unused fields must be 0";
	switch (hdr->kind) {
	case AINKA_MODEL_MEAN:
	case AINKA_MODEL_VOTE:
	case AINKA_MODEL_WEIGH:
		return check_trees(hdr);
	case AINKA_MODEL_LINEAR:
	case AINKA_MODEL_THRESHOLD:
		return check_linear(hdr);
	default:
		return "the kind of model is not known";
	}
}

/* Look at the header and find the parts. */
static int open_blob(struct loader *l, const void *blob, u64 bytes, struct ainka_err *err)
{
	const char *wrong;

	memset(l, 0, sizeof(*l));
	if (bytes < sizeof(l->hdr))
		return ainka_err_say(err, 0, 0, "the model is shorter than its header");
	memcpy(&l->hdr, blob, sizeof(l->hdr));
	wrong = check_header(&l->hdr);
	if (wrong)
		return ainka_err_say(err, 0, 0, wrong);
	l->classes = (const u8 *)blob + sizeof(l->hdr);
	l->nodes = l->classes + l->hdr.n_classes * sizeof(s64);
	l->terms = l->nodes + l->hdr.n_nodes * sizeof(struct ainka_model_node);
	l->weights = l->terms + l->hdr.n_terms * sizeof(struct ainka_model_term);
	l->end = l->weights + (u64)l->hdr.n_rows * l->hdr.n_classes * sizeof(u16);
	if (bytes != (u64)(l->end - (const u8 *)blob))
		return ainka_err_say(err, 0, 0, "the model's size is not that of its parts");
	return 0;
}

/* Note that a model reads a signal. */
static void need(struct ainka_model *model, u16 slot)
{
	u64 one = 0;
	u32 i;

	((u8 *)&one)[slot % 8] = 1;
	for (i = 0; i < model->n_need; i++)
		if (model->need[i].word == slot / 8)
			break;
	if (i == model->n_need)
		model->need[model->n_need++].word = slot / 8;
	model->need[i].mask |= one;
}

static const char *load_leaf(struct loader *l, const struct ainka_model_node *node,
			     struct ainka_step *step)
{
	if (node->right)
		return "a leaf has no right side: it must be 0";
	step->slot = AINKA_MODEL_LEAF;
	step->value = node->value;
	switch (l->hdr.kind) {
	case AINKA_MODEL_VOTE:
		return node->value < 0 || node->value >= l->hdr.n_classes ?
		       "a leaf names a class that is not there" : NULL;
	case AINKA_MODEL_WEIGH:
		return node->value < 0 || node->value >= l->hdr.n_rows ?
		       "a leaf names a row of weights that is not there" : NULL;
	default:
		/* the sum of a forest must be exact */
		return l->hdr.n_trees > 1 && (node->value > AINKA_LEAF_HIGHEST ||
					      node->value < -AINKA_LEAF_HIGHEST) ?
		       "the value of a leaf is larger than 2 ** 57" : NULL;
	}
}

static const char *load_inner(struct loader *l, const struct ainka_model_node *node,
			      struct ainka_step *step)
{
	if (!ainka_signal_fits(node->signal, l->subject))
		return "no such signal for this subject";
	step->value = node->value;
	step->signal = node->signal;
	step->slot = ainka_slot_of(node->signal);
	step->right = node->right;
	need(l->model, step->slot);
	return NULL;
}

/* One tree, from l->at on; l->at is behind it afterwards. */
static const char *load_tree(struct loader *l, u32 *deepest)
{
	/* right sides that are still to come, and how deep they are */
	struct {
		u16 start;
		u8 depth;
	} side[AINKA_MODEL_MAX_DEPTH];
	u32 n = 0, depth = 0;

	*deepest = 0;
	for (; l->at < l->hdr.n_nodes; l->at++) {
		struct ainka_model_node node;
		const char *wrong;

		memcpy(&node, l->nodes + l->at * sizeof(node), sizeof(node));
		if (node.signal != AINKA_MODEL_LEAF) {
			if (depth == AINKA_MODEL_MAX_DEPTH)
				return "the tree is deeper than 16";
			side[n].start = node.right;
			side[n++].depth = ++depth;
			if (depth > *deepest)
				*deepest = depth;
			wrong = load_inner(l, &node, &l->model->step[l->at]);
			if (wrong)
				return wrong;
			continue;
		}
		wrong = load_leaf(l, &node, &l->model->step[l->at]);
		if (wrong)
			return wrong;
		if (!n--) {
			l->at++;
			return NULL;
		}
		depth = side[n].depth;
		if (side[n].start != l->at + 1)
			return "the right side of a node must begin behind its left side";
	}
	return "the nodes end inside a tree";
}

static const char *load_trees(struct loader *l)
{
	struct ainka_model *model = l->model;
	const char *wrong;
	u32 i, deepest;

	for (i = 0; i < l->hdr.n_trees; i++) {
		model->root[i] = l->at;
		wrong = load_tree(l, &deepest);
		if (wrong)
			return wrong;
		model->cost += deepest + 1;
	}
	if (l->at != l->hdr.n_nodes)
		return "there are nodes behind the last tree";
	model->cost += has_classes(model->kind) ? model->n_classes : 0;
	if (model->kind == AINKA_MODEL_WEIGH)
		model->cost += model->n_trees * model->n_classes;
	memcpy(model->class_value, l->classes, model->n_classes * sizeof(s64));
	memcpy((void *)ainka_model_weights(model, 0), l->weights, l->end - l->weights);
	return NULL;
}

static const char *load_terms(struct loader *l)
{
	struct ainka_model *model = l->model;
	u32 i;

	for (; l->at < l->hdr.n_terms; l->at++) {
		struct ainka_step *step = &model->step[l->at];
		struct ainka_model_term term;

		memcpy(&term, l->terms + l->at * sizeof(term), sizeof(term));
		if (!ainka_signal_fits(term.signal, l->subject))
			return "no such signal for this subject";
		if (term.pad)
			return "unused fields must be 0";
		for (i = 0; i < l->at; i++)
			if (model->step[i].signal == term.signal)
				return "a signal has two terms";
		step->value = term.weight;
		step->signal = term.signal;
		step->slot = ainka_slot_of(term.signal);
		need(model, step->slot);
	}
	model->n_terms = l->hdr.n_terms;
	model->bias = l->hdr.bias;
	model->cost = l->hdr.n_terms;
	return NULL;
}

static u64 size_of(const struct loader *l)
{
	return sizeof(struct ainka_model) + (u64)(l->end - l->weights) +
	       (u64)(l->hdr.n_nodes + l->hdr.n_terms) * sizeof(struct ainka_step);
}

/**
 * ainka_model_size - how much memory does a model take?
 * @blob: model from an unknown source, of any alignment
 * @bytes: its size
 * @size: out, bytes that ainka_model_load() fills
 * @err: out; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_model_size(const void *blob, u64 bytes, u64 *size, struct ainka_err *err)
{
	struct loader l;
	int ret = open_blob(&l, blob, bytes, err);

	if (!ret)
		*size = size_of(&l);
	return ret;
}

/**
 * ainka_model_load - verify a model and make it ready to be evaluated
 * @blob: model from an unknown source, of any alignment, that nobody changes now
 * @bytes: its size
 * @subject: what the policy is evaluated for
 * @model: out, zeroed memory of the size that ainka_model_size() told
 * @err: out, position is the number of a node or term; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_model_load(const void *blob, u64 bytes, u32 subject, struct ainka_model *model,
		     struct ainka_err *err)
{
	const char *wrong;
	struct loader l;
	int ret = open_blob(&l, blob, bytes, err);

	if (ret)
		return ret;
	if (subject > AINKA_SUBJECT_DEVICE)
		return ainka_err_say(err, 0, 0, "no such subject");
	l.subject = subject;
	l.model = model;
	model->kind = l.hdr.kind;
	model->n_trees = l.hdr.n_trees;
	model->n_classes = l.hdr.n_classes;
	model->shift = l.hdr.shift;
	model->plain_tree = l.hdr.kind == AINKA_MODEL_MEAN && l.hdr.n_trees == 1 && !l.hdr.shift;
	model->n_steps = l.hdr.n_nodes + l.hdr.n_terms;
	model->bytes = size_of(&l);
	wrong = ainka_model_is_linear(l.hdr.kind) ? load_terms(&l) : load_trees(&l);
	return wrong ? ainka_err_say(err, l.at, 1, wrong) : 0;
}
