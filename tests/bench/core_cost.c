// SPDX-License-Identifier: Apache-2.0
/*
 * What decisions cost, natively: 64 policies of four terms, and models against
 * the same models as C. bench_models.h and the C of m2cgen come from
 * tests/bench/core_cost.
 *
 * "random" evaluates values that were never seen before: each try draws new ones,
 * so that nothing can be predicted that the model leaves open. "repeated"
 * evaluates the same eight rows of values again and again until the branch
 * predictor knows them by heart, which favours compiled code most.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ainka_core.h"
#include "bench_models.h"

#define POLICIES	64
#define FEATURES	16
#define ROWS		512	/* what is seen fits the cache, and some try is not interrupted */
#define TRIES		1000

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static struct ainka_env env[ROWS];
static s64 val[ROWS][AINKA_N_SYSTEM_SIGNALS];
static double dbl[ROWS][FEATURES];
static struct ainka_prog prog[POLICIES];
static volatile u64 sink;

static u64 random_state = 88172645463325252ULL;

static u32 random_below(u32 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 33) % n;
}

static void draw(bool repeated)
{
	u8 fresh[AINKA_N_SYSTEM_SIGNALS];
	u32 i, j;

	if (repeated)
		random_state = 88172645463325252ULL;
	memset(fresh, 1, sizeof(fresh));
	for (i = 0; i < ROWS; i++) {
		for (j = 0; j < AINKA_N_SYSTEM_SIGNALS; j++)
			val[i][j] = repeated && i >= 8 ? val[i - 8][j] : random_below(1000);
		for (j = 0; j < FEATURES; j++)
			dbl[i][j] = val[i][j];
		ainka_env_init(&env[i]);
		ainka_env_system(&env[i], val[i], fresh);
	}
}

/* The best of many tries, each with values of its own; nanoseconds a row. */
#define MEASURE(repeated, body) ({						\
	double best_ns = 1e18;							\
	u32 try, row;								\
	u64 sum = 0;								\
	for (try = 0; try < TRIES; try++) {					\
		u64 start_ns;							\
		double ns;							\
		draw(repeated);							\
		start_ns = now_ns();						\
		for (row = 0; row < ROWS; row++)				\
			sum += (body);						\
		ns = (now_ns() - start_ns) / (double)ROWS;			\
		if (ns < best_ns)						\
			best_ns = ns;						\
	}									\
	sink += sum;								\
	best_ns;								\
})

/* One evaluation of the table: fill in what is seen, ask every policy. */
static u32 table(u32 row)
{
	static struct ainka_env seen;
	u32 on = 0, i;

	ainka_env_system(&seen, val[row], env[row].fresh);
	for (i = 0; i < POLICIES; i++)
		on += ainka_prog_eval(&prog[i], &seen) == AINKA_TRUE;
	return on;
}

static s64 ask(const struct ainka_model *model, u32 row)
{
	s64 result = 0;
	u32 leaf;

	ainka_model_eval(model, &env[row], &result, &leaf);
	return result;
}

static void compile_policies(void)
{
	struct ainka_err err = { 0 };
	char text[AINKA_EXPR_LEN];
	u32 i, j;

	for (i = 0; i < POLICIES; i++) {
		int n = 0;

		for (j = 0; j < 4; j++)
			n += snprintf(text + n, sizeof(text) - n, "%s%s %s %u",
				      j ? i & 1 ? " and " : " or " : "",
				      ainka_signals[random_below(AINKA_N_SYSTEM_SIGNALS)].name,
				      random_below(2) ? ">" : "<=", random_below(1000));
		if (ainka_expr_compile(text, AINKA_SUBJECT_SYSTEM, false, NULL, &prog[i],
				       &err)) {
			fprintf(stderr, "%s: %s\n", text, err.msg);
			exit(1);
		}
	}
}

static struct ainka_model *load(const char *name, const void *blob, u64 bytes)
{
	struct ainka_err err = { 0 };
	struct ainka_model *model;
	u64 size;

	if (!ainka_model_size(blob, bytes, &size, &err)) {
		model = calloc(1, size);
		if (!ainka_model_load(blob, bytes, AINKA_SUBJECT_SYSTEM, model, &err))
			return model;
	}
	fprintf(stderr, "%s: node %u: %s\n", name, err.pos, err.msg);
	exit(1);
}

/* The compiled model must say the same, or the comparison is worth nothing. */
static void compare(const char *name, const struct ainka_model *model,
		    double (*compiled)(double *), double slack)
{
	u32 i;

	draw(false);
	for (i = 0; i < ROWS; i++) {
		double wanted = compiled(dbl[i]);

		if (fabs(ask(model, i) - wanted) > slack) {
			fprintf(stderr, "%s, row %u: %lld, m2cgen says %f\n", name, i,
				(long long)ask(model, i), wanted);
			exit(1);
		}
	}
}

static void line(const char *what, double repeated, double random, double base_repeated,
		 double base_random)
{
	printf("%-44s %9.1f", what, repeated);
	if (base_repeated > 0)
		printf("  (%4.2f x)", repeated / base_repeated);
	else
		printf("%11s", "");
	printf("  %9.1f", random);
	if (base_random > 0)
		printf("  (%4.2f x)", random / base_random);
	printf("\n");
}

#define COMPARE(name, title, slack) do {					\
	const struct ainka_model *model = load(#name, bench_##name, sizeof(bench_##name));	\
	double base[2];								\
										\
	compare(#name, model, m2cgen_##name, slack);				\
	base[0] = MEASURE(true, (u64)m2cgen_##name(dbl[row]));			\
	base[1] = MEASURE(false, (u64)m2cgen_##name(dbl[row]));			\
	line(title ", m2cgen", base[0], base[1], 0, 0);				\
	line(title ", core", MEASURE(true, ask(model, row)),			\
	     MEASURE(false, ask(model, row)), base[0], base[1]);		\
} while (0)

#define COMPARE_TREE(name, title) do {						\
	COMPARE(name, title, 0.501);						\
	line(title ", nested ifs on s64", MEASURE(true, ifs_##name(val[row])),	\
	     MEASURE(false, ifs_##name(val[row])), 0, 0);			\
} while (0)

int main(void)
{
	compile_policies();
	printf("nanoseconds an evaluation, best of %u tries of %u\n", TRIES, ROWS);
	printf("%-44s %9s%11s  %9s\n", "", "repeated", "", "random");
	line("64 policies of 4 terms", MEASURE(true, table(row)), MEASURE(false, table(row)), 0, 0);
	COMPARE_TREE(full, "full tree of " SHAPE_full);
	COMPARE_TREE(uneven, "uneven tree of " SHAPE_uneven);
	COMPARE(forest, "forest of 32 trees 6 deep", 0.501);
	COMPARE(linear, "linear, 16 terms", 0.501);
	return 0;
}
