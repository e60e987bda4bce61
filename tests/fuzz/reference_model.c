// SPDX-License-Identifier: Apache-2.0
/* A model, from its bytes, by recursion over its trees. */
#include "reference.h"

struct node {
	s64 value;
	u16 signal;
	u16 right;
};

static s64 get(const u8 *at, u32 bytes)
{
	u64 v = 0;

	for (u32 i = 0; i < bytes; i++)
		v |= (u64)at[i] << 8 * i;
	return v;
}

static u32 kind_of(const u8 *blob) { return blob[5]; }
static u32 trees_of(const u8 *blob) { return blob[6]; }
static u32 classes_of(const u8 *blob) { return blob[7]; }
static u32 nodes_of(const u8 *blob) { return get(blob + 8, 2); }
static u32 rows_of(const u8 *blob) { return get(blob + 10, 2); }
static u32 terms_of(const u8 *blob) { return get(blob + 12, 2); }
static u32 shift_of(const u8 *blob) { return blob[14]; }

static s64 class_value(const u8 *blob, u32 i)
{
	return get(blob + 32 + 8 * i, 8);
}

/* Nodes and terms have the same form. */
static struct node node_of(const u8 *blob, u32 i)
{
	const u8 *at = blob + 32 + 8 * classes_of(blob) + 12 * i;

	return (struct node){ get(at, 8), get(at + 8, 2), get(at + 10, 2) };
}

static u32 weight_of(const u8 *blob, u32 row, u32 class)
{
	const u8 *rows = blob + 32 + 8 * classes_of(blob) + 12 * (nodes_of(blob) + terms_of(blob));

	return get(rows + 2 * (row * classes_of(blob) + class), 2);
}

static bool leaf_valid(const u8 *blob, struct node n)
{
	if (n.right)
		return false;
	if (kind_of(blob) == 2)
		return n.value >= 0 && n.value < classes_of(blob);
	if (kind_of(blob) == 3)
		return n.value >= 0 && n.value < rows_of(blob);
	return trees_of(blob) == 1 || (n.value <= 1LL << 57 && n.value >= -(1LL << 57));
}

/* The number behind the last node of a tree, 0 when it is none. */
static u32 tree_end(const u8 *blob, u32 i, u32 depth, u32 subject)
{
	struct node n;
	u32 right;

	if (i >= nodes_of(blob))
		return 0;
	n = node_of(blob, i);
	if (n.signal == 0xffff)
		return leaf_valid(blob, n) ? i + 1 : 0;
	if (depth == 16 || !may_read(n.signal, subject))
		return 0;
	right = tree_end(blob, i + 1, depth + 1, subject);
	if (!right || right != n.right)
		return 0;
	return tree_end(blob, right, depth + 1, subject);
}

static bool terms_valid(const u8 *blob, u32 subject)
{
	for (u32 i = 0; i < terms_of(blob); i++) {
		struct node term = node_of(blob, i);

		if (term.right || !may_read(term.signal, subject))
			return false;
		for (u32 j = 0; j < i; j++)
			if (node_of(blob, j).signal == term.signal)
				return false;
	}
	return true;
}

bool model_valid(const u8 *blob, u64 bytes, u32 subject)
{
	u32 kind, end = 0;
	bool forest, chooses, weighs;

	if (bytes < 32 || subject > 3)
		return false;
	kind = kind_of(blob);
	forest = kind >= 1 && kind <= 3;
	chooses = kind == 2 || kind == 3;
	weighs = kind == 3;
	if (memcmp(blob, "ANKM\1", 5) || kind < 1 || kind > 5 || blob[15])
		return false;
	if (forest ? trees_of(blob) < 1 || trees_of(blob) > 32 : trees_of(blob) > 0)
		return false;
	if (nodes_of(blob) > 4096 || (forest ? nodes_of(blob) < trees_of(blob) : nodes_of(blob) > 0))
		return false;
	if (chooses ? classes_of(blob) < 1 || classes_of(blob) > 16 : classes_of(blob) > 0)
		return false;
	if (weighs ? rows_of(blob) < 1 || rows_of(blob) > 4096 : rows_of(blob) > 0)
		return false;
	if (forest ? terms_of(blob) || get(blob + 24, 8) : terms_of(blob) > 64)
		return false;
	if (shift_of(blob) > (chooses ? 0 : 32))
		return false;
	if (bytes != 32 + 8 * classes_of(blob) + 12 * (nodes_of(blob) + terms_of(blob)) +
		     2 * rows_of(blob) * classes_of(blob))
		return false;
	for (u32 i = 0; i < trees_of(blob); i++) {
		end = tree_end(blob, end, 0, subject);
		if (!end)
			return false;
	}
	return end == nodes_of(blob) && terms_valid(blob, subject);
}

/* The leaf that a tree leads to, or the node whose signal is not known. */
static u32 walk(const u8 *blob, u32 i, const struct moment *m)
{
	struct node n = node_of(blob, i);
	struct number seen;

	if (n.signal == 0xffff)
		return i;
	seen = signal_now(m, n.signal);
	if (!seen.known)
		return i;
	return walk(blob, seen.value <= n.value ? i + 1 : n.right, m);
}

static s64 nearest(wide value, wide divisor)
{
	wide doubled = (value < 0 ? -value : value) * 2 + divisor;
	wide whole = doubled / (divisor * 2);

	return value < 0 ? -whole : whole;
}

static struct number linear_answer(const u8 *blob, const struct moment *m)
{
	wide score = get(blob + 24, 8);

	for (u32 i = 0; i < terms_of(blob); i++) {
		struct node term = node_of(blob, i);
		struct number seen = signal_now(m, term.signal);

		if (!seen.known)
			return (struct number){ 0 };
		score = clip(score + clip((wide)term.value * seen.value));
	}
	if (kind_of(blob) == 5)
		return (struct number){ true, score > 0 };
	return (struct number){ true, nearest(score, (wide)1 << shift_of(blob)) };
}

struct number model_answer(const u8 *blob, const struct moment *m, u32 *leaf)
{
	u32 sum[16] = { 0 }, best = 0, root = 0;
	wide total = 0;

	*leaf = 0;
	if (!trees_of(blob))
		return linear_answer(blob, m);
	for (u32 t = 0; t < trees_of(blob); t++) {
		u32 end = walk(blob, root, m);
		struct node n = node_of(blob, end);

		if (!t)
			*leaf = end;
		if (n.signal != 0xffff)
			return (struct number){ 0 };
		total += n.value;
		for (u32 c = 0; c < classes_of(blob); c++)
			sum[c] += kind_of(blob) == 2 ? c == n.value : weight_of(blob, n.value, c);
		/* the next tree begins behind this one's last leaf */
		for (u32 inner = 1; inner; root++)
			inner += node_of(blob, root).signal == 0xffff ? -1 : 1;
	}
	if (kind_of(blob) == 1)
		return (struct number){ true, nearest(total, (wide)trees_of(blob) << shift_of(blob)) };
	for (u32 c = 0; c < classes_of(blob); c++)
		if (sum[c] > sum[best])
			best = c;
	return (struct number){ true, class_value(blob, best) };
}
