// SPDX-License-Identifier: Apache-2.0
/*
 * What decisions cost, natively: 64 policies of four terms, and a tree of depth
 * 10 against the same tree as C. bench_tree.h comes from tests/bench/core_cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ainka_core.h"
#include "bench_tree.h"

#define POLICIES	64
#define ROUNDS		2000	/* 2 ms: short enough not to be preempted in some try */
#define TRIES		250
#define ROWS		8192	/* more than a branch predictor remembers */

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static s64 val[ROWS][AINKA_N_SYSTEM_SIGNALS];
static u8 fresh[AINKA_N_SYSTEM_SIGNALS];
static struct ainka_prog prog[POLICIES];
static u64 sink;

static struct ainka_env env_of(u32 row)
{
	struct ainka_env env = { .bank = { { val[row], fresh } } };

	return env;
}

/* Values change from round to round in @rows ways, so branches are as (un)predictable. */
static double policies_ns(u32 rows)
{
	double best = 1e18;
	u32 try, i, j;

	for (try = 0; try < TRIES; try++) {
		u64 start = now_ns();

		for (i = 0; i < ROUNDS; i++) {
			struct ainka_env env = env_of(i % rows);

			for (j = 0; j < POLICIES; j++)
				sink += ainka_prog_eval(&prog[j], &env);
		}
		if ((now_ns() - start) / (double)ROUNDS < best)
			best = (now_ns() - start) / (double)ROUNDS;
	}
	return best;
}

static double tree_ns(u32 rows, bool native)
{
	const struct ainka_tree_hdr *tree = (const void *)&bench_tree;
	double best = 1e18;
	u32 try, i, leaf;
	s64 result = 0;

	for (try = 0; try < TRIES; try++) {
		u64 start = now_ns();

		for (i = 0; i < ROUNDS * 10; i++) {
			struct ainka_env env = env_of(i % rows);

			if (native)
				sink += compiled_tree(env.bank[0].val, env.bank[0].fresh, &result);
			else
				sink += ainka_tree_eval(tree, &env, &result, &leaf);
			sink += result;
		}
		if ((now_ns() - start) / (ROUNDS * 10.0) < best)
			best = (now_ns() - start) / (ROUNDS * 10.0);
	}
	return best;
}

int main(void)
{
	struct ainka_err err = { 0 };
	char text[AINKA_EXPR_LEN];
	u32 i, j;

	srandom(1);
	memset(fresh, 1, sizeof(fresh));
	for (i = 0; i < ROWS; i++)
		for (j = 0; j < AINKA_N_SYSTEM_SIGNALS; j++)
			val[i][j] = random() % 1000;
	for (i = 0; i < POLICIES; i++) {
		int n = 0;

		for (j = 0; j < 4; j++)
			n += snprintf(text + n, sizeof(text) - n, "%s%s %s %ld",
				      j ? i & 1 ? " and " : " or " : "",
				      ainka_signals[random() % AINKA_N_SYSTEM_SIGNALS].name,
				      random() & 1 ? ">" : "<=", random() % 1000);
		if (ainka_expr_compile(text, AINKA_SUBJECT_SYSTEM, false, &prog[i], &err)) {
			fprintf(stderr, "%s: %s\n", text, err.msg);
			return 1;
		}
	}
	if (ainka_tree_verify(&bench_tree, sizeof(bench_tree), AINKA_SUBJECT_SYSTEM, &err)) {
		fprintf(stderr, "tree: node %u: %s\n", err.pos, err.msg);
		return 1;
	}
	for (i = 0; i < ROWS; i++) {
		struct ainka_env env = env_of(i);
		s64 a, b;
		u32 leaf;

		if (!ainka_tree_eval((const void *)&bench_tree, &env, &a, &leaf) ||
		    !compiled_tree(val[i], fresh, &b) || a != b) {
			fprintf(stderr, "row %u: the two trees differ\n", i);
			return 1;
		}
	}
	printf("64 policies of 4 terms, steady values      %7.0f ns\n", policies_ns(1));
	printf("64 policies of 4 terms, random values      %7.0f ns\n", policies_ns(ROWS));
	printf("tree of depth 10, steady values            %7.1f ns, as C %7.1f ns\n",
	       tree_ns(1, false), tree_ns(1, true));
	printf("tree of depth 10, random values            %7.1f ns, as C %7.1f ns\n",
	       tree_ns(ROWS, false), tree_ns(ROWS, true));
	return sink == 42;
}
