// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "signals.h"
#include "text.h"

static const char *check_inner(const struct ainka_tree_node *node, u32 i, u32 n, u32 subject)
{
	if (!ainka_signal_fits(node->signal, subject))
		return "no such signal for this subject";
	/* Children behind their parent: no walk can go round in circles. */
	if (node->left <= i || node->right <= i || node->left >= n || node->right >= n)
		return "a child must have a larger number than its parent and exist";
	return NULL;
}

static const char *check_node(const struct ainka_tree_node *node, u32 i, u32 n, u32 subject)
{
	if (node->pad)
		return "unused fields must be 0";
	if (node->signal != AINKA_TREE_LEAF)
		return check_inner(node, i, n, subject);
	if (node->left || node->right)
		return "a leaf has no children: left and right must be 0";
	return NULL;
}

/*
 * @level holds for each node its depth plus one, 0 while no parent was seen. As
 * children come behind their parents, one pass is enough.
 */
static const char *adopt(u8 *level, u32 parent, u32 child)
{
	if (level[child])
		return "a child must have exactly one parent";
	if (level[parent] > AINKA_TREE_MAX_DEPTH)
		return "the tree is deeper than 16";
	level[child] = level[parent] + 1;
	return NULL;
}

static const char *check_header(const struct ainka_tree_hdr *hdr, u64 bytes)
{
	if (hdr->magic != AINKA_TREE_MAGIC)
		return "the model's magic number is wrong";
	if (!hdr->n_nodes || hdr->n_nodes > AINKA_TREE_MAX_NODES)
		return "a model has 1 to 1024 nodes";
	if (hdr->pad)
		return "unused fields must be 0";
	if (bytes != sizeof(*hdr) + (u64)hdr->n_nodes * sizeof(struct ainka_tree_node))
		return "the model's size is not that of its nodes";
	return NULL;
}

/**
 * ainka_tree_verify - may this model be evaluated?
 * @blob: model from an unknown source, of any alignment
 * @bytes: its size
 * @subject: what the policy is evaluated for
 * @err: out, position is the number of a node; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_tree_verify(const void *blob, u64 bytes, u32 subject, struct ainka_err *err)
{
	const u8 *nodes = (const u8 *)blob + sizeof(struct ainka_tree_hdr);
	u8 level[AINKA_TREE_MAX_NODES] = { 1 };
	struct ainka_tree_hdr hdr;
	const char *wrong;
	u32 i;

	if (bytes < sizeof(hdr))
		return ainka_err_say(err, 0, 0, "the model is shorter than its header");
	if (subject > AINKA_SUBJECT_DEVICE)
		return ainka_err_say(err, 0, 0, "no such subject");
	memcpy(&hdr, blob, sizeof(hdr));
	wrong = check_header(&hdr, bytes);
	if (wrong)
		return ainka_err_say(err, 0, 0, wrong);
	for (i = 0; i < hdr.n_nodes; i++) {
		struct ainka_tree_node node;

		memcpy(&node, nodes + (u64)i * sizeof(node), sizeof(node));
		wrong = check_node(&node, i, hdr.n_nodes, subject);
		if (!wrong && !level[i])
			wrong = "the node has no parent";
		if (!wrong && node.signal != AINKA_TREE_LEAF) {
			wrong = adopt(level, i, node.left);
			if (!wrong)
				wrong = adopt(level, i, node.right);
		}
		if (wrong)
			return ainka_err_say(err, i, 1, wrong);
	}
	return 0;
}

/**
 * ainka_tree_eval - ask a model
 * @tree: verified model, aligned to 8 bytes
 * @env: what it sees
 * @result: out, the value of the leaf
 * @leaf: out, number of the node that was reached
 *
 * Return: false, with @result untouched, when a signal on the path is stale.
 */
bool ainka_tree_eval(const struct ainka_tree_hdr *tree, const struct ainka_env *env,
		     s64 *result, u32 *leaf)
{
	const struct ainka_tree_node *node = tree->node;
	struct ainka_view view;
	u32 i = 0;

	ainka_view_init(&view, env);
	while (node[i].signal != AINKA_TREE_LEAF) {
		s64 val;

		if (!ainka_view_get(&view, node[i].signal, &val)) {
			*leaf = i;
			return false;
		}
		i = val <= node[i].threshold ? node[i].left : node[i].right;
	}
	*leaf = i;
	*result = node[i].threshold;
	return true;
}

/**
 * ainka_tree_render - the path through a model as text
 * @tree: verified model, aligned to 8 bytes
 * @env: what it sees
 * @buf: out, NUL-terminated: each comparison, then the leaf and its value
 * @size: size of @buf
 *
 * Return: length of the text; one that did not fit ends in three dots.
 */
u32 ainka_tree_render(const struct ainka_tree_hdr *tree, const struct ainka_env *env,
		      char *buf, u32 size)
{
	const struct ainka_tree_node *node = tree->node;
	struct ainka_view view;
	struct ainka_text t;
	u32 i = 0;

	ainka_view_init(&view, env);
	ainka_text_init(&t, buf, size);
	while (node[i].signal != AINKA_TREE_LEAF) {
		bool low;
		s64 val;

		ainka_text_str(&t, ainka_signal_by_id(node[i].signal)->name);
		if (!ainka_view_get(&view, node[i].signal, &val)) {
			ainka_text_str(&t, " stale");
			return ainka_text_end(&t);
		}
		low = val <= node[i].threshold;
		ainka_text_str(&t, " ");
		ainka_text_num(&t, val);
		ainka_text_str(&t, low ? " <= " : " > ");
		ainka_text_num(&t, node[i].threshold);
		ainka_text_str(&t, "; ");
		i = low ? node[i].left : node[i].right;
	}
	ainka_text_str(&t, "leaf ");
	ainka_text_num(&t, i);
	ainka_text_str(&t, " = ");
	ainka_text_num(&t, node[i].threshold);
	return ainka_text_end(&t);
}
