// SPDX-License-Identifier: Apache-2.0
/*
 * What comes through the doors, from libFuzzer: the first byte chooses the
 * door, the rest is the input. Besides the sanitizers, it checks that what
 * compiles also verifies, and that rendering and evaluating agree about fitting
 * their limits.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ainka_core.h"
#include "../../ebpf/ainka_events.h"

#define CHECK(cond) do {							\
	if (!(cond)) {								\
		fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond);	\
		abort();							\
	}									\
} while (0)

/* Input is consumed from the front; when it runs out, zeros follow. */
struct input {
	const u8 *data;
	size_t left;
};

static void take(struct input *in, void *to, size_t size)
{
	size_t n = size < in->left ? size : in->left;

	memset(to, 0, size);
	memcpy(to, in->data, n);
	in->data += n;
	in->left -= n;
}

static u64 take_u64(struct input *in)
{
	u64 v;

	take(in, &v, sizeof(v));
	return v;
}

static u8 take_u8(struct input *in)
{
	u8 v;

	take(in, &v, sizeof(v));
	return v;
}

struct banks {
	struct ainka_env env;
};

static void banks_init(struct banks *b, struct input *in)
{
	s64 val[AINKA_N_SYSTEM_SIGNALS + AINKA_SNAP_SIGNALS];
	u8 fresh[ARRAY_SIZE(val)];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(val); i++) {
		u8 c = take_u8(in);

		/* The extremes, and small numbers that meet thresholds. */
		val[i] = c == 0xff ? (s64)(~0ULL >> 1) :
			 c == 0xfe ? -(s64)(~0ULL >> 1) - 1 : (s8)c;
		fresh[i] = c & 1;
	}
	ainka_env_init(&b->env);
	ainka_env_system(&b->env, val, fresh);
	ainka_env_subject(&b->env, val + AINKA_N_SYSTEM_SIGNALS,
			  fresh + AINKA_N_SYSTEM_SIGNALS, AINKA_SNAP_SIGNALS);
}

static void use_prog(const struct ainka_prog *prog, struct banks *b, u32 size)
{
	char *text = malloc(size);
	u32 len;

	CHECK(ainka_prog_eval(prog, &b->env) <= AINKA_UNKNOWN);
	len = ainka_prog_render(prog, &b->env, text, size);
	CHECK(size ? len < size && !text[len] : !len);
	free(text);
}

static void fuzz_text(struct input *in)
{
	u32 subject = take_u8(in) % 5;
	bool has_model = take_u8(in) & 1;
	struct ainka_windows windows = { 0 }, again = { 0 };
	struct ainka_prog prog;
	struct ainka_err err;
	struct banks b;
	u32 size = take_u8(in);
	char *text;
	int ret;

	banks_init(&b, in);
	text = malloc(in->left + 1);
	memcpy(text, in->data, in->left);
	text[in->left] = '\0';
	ret = ainka_expr_compile(text, subject, has_model, &windows, &prog, &err);
	CHECK(ret == ainka_expr_compile(text, subject, has_model, &again, &prog, NULL));
	if (ret) {
		CHECK(err.msg[0] && strlen(err.msg) < sizeof(err.msg));
		CHECK(err.pos + err.len <= strlen(text));
	} else {
		CHECK(!ainka_windows_verify(&windows, subject, &err));
		CHECK(!ainka_prog_verify(&prog, subject, has_model, &windows, &err));
		use_prog(&prog, &b, size);
	}
	free(text);
}

static void fuzz_prog(struct input *in)
{
	u32 subject = take_u8(in) % 5;
	bool has_model = take_u8(in) & 1;
	u32 size = take_u8(in), i;
	struct ainka_prog *prog, full = { 0 };
	struct ainka_err err;
	struct banks b;

	banks_init(&b, in);
	full.len = take_u8(in) % (AINKA_PROG_MAX + 2);
	full.depth = take_u8(in) % (AINKA_STACK_MAX + 2);
	full.signals = take_u8(in) % (AINKA_MAX_CAUSES + 2);
	take(in, full.signal, sizeof(full.signal));
	for (i = 0; i < full.len && i < AINKA_PROG_MAX; i++) {
		full.insn[i].op = take_u8(in);
		full.insn[i].cmp = take_u8(in);
		full.insn[i].signal = (take_u8(in) & 1) << 8 | take_u8(in);
		full.insn[i].slot = full.insn[i].signal ? ainka_slot_of(full.insn[i].signal) : 0;
		full.insn[i].imm = (s8)take_u8(in);
	}
	/* Only @len instructions are there, as when a program is stored. */
	if (full.len > AINKA_PROG_MAX) {
		CHECK(ainka_prog_verify(&full, subject, has_model, NULL, &err));
	} else {
		prog = malloc(ainka_prog_bytes(&full));
		memcpy(prog, &full, ainka_prog_bytes(&full));
		if (!ainka_prog_verify(prog, subject, has_model, NULL, &err))
			use_prog(prog, &b, size);
		free(prog);
	}
}

static void fuzz_model(struct input *in)
{
	u32 subject = take_u8(in) % 5;
	u32 size = take_u8(in), leaf;
	struct ainka_model *model;
	struct ainka_prog prog;
	struct ainka_err err;
	struct banks b;
	char *text;
	void *blob;
	s64 result;
	u64 bytes;

	banks_init(&b, in);
	blob = malloc(in->left ? in->left : 1);
	memcpy(blob, in->data, in->left);
	if (!ainka_model_size(blob, in->left, &bytes, &err)) {
		model = calloc(1, bytes);
		if (!ainka_model_load(blob, in->left, subject, model, &err)) {
			b.env.model = model;
			text = malloc(size);
			ainka_model_eval(model, &b.env, &result, &leaf);
			ainka_model_render(model, &b.env, text, size);
			free(text);
			CHECK(!ainka_expr_compile("model > 1 or -model < 3", subject, true, NULL,
						  &prog, &err));
			use_prog(&prog, &b, size);
		}
		free(model);
	}
	free(blob);
}

static void fuzz_value(struct input *in)
{
	struct ainka_bounds bounds = { (s64)take_u64(in), (s64)take_u64(in), 0, NULL };
	s64 baseline = take_u64(in), current_value = take_u64(in), v;
	struct ainka_value value;
	struct ainka_err err;
	char names[24], *text;
	bool clamped;

	bounds.step = take_u64(in) >> (take_u8(in) & 63);
	take(in, names, sizeof(names));
	names[sizeof(names) - 1] = '\0';
	bounds.values = names[0] ? names : NULL;
	text = malloc(in->left + 1);
	memcpy(text, in->data, in->left);
	text[in->left] = '\0';
	if (!ainka_value_parse(text, &bounds, bounds.step & 1 ? "KiB" : NULL, true, &value, &err) && bounds.min <= bounds.max) {
		v = ainka_value_resolve(&value, &bounds, baseline, current_value, baseline,
					&clamped);
		CHECK(v >= bounds.min && v <= bounds.max);
	}
	free(text);
}

static void fuzz_times(struct input *in)
{
	struct ainka_hyst_cfg cfg = { take_u8(in), take_u8(in), take_u8(in) };
	bool has_until = take_u8(in) & 1;
	struct ainka_budget budget = { 0 };
	struct ainka_hyst hyst = { 0 };
	u32 state = 0;
	u64 now = 0;

	while (in->left) {
		u8 c = take_u8(in);
		bool was = hyst.on;

		now += c & 0x80 ? take_u64(in) : c;
		CHECK(ainka_hyst_step(&hyst, &cfg, c % 3, c / 3 % 3, has_until, now) ==
		      (was != hyst.on));
		ainka_budget_take(&budget, c, cfg.for_ns, now);
		state = ainka_state_next(state, c % 6, c >> 4);
		CHECK(state <= AINKA_STATE_EMERGENCY);
		ainka_state_allows(state, c & 3, c);
	}
}

static void fuzz_records(struct input *in)
{
	s64 val[AINKA_N_TASK_SIGNALS];
	u8 fresh[AINKA_N_TASK_SIGNALS];
	struct ainka_task_rec rec;
	u32 counts[300];
	u64 now = take_u64(in);

	take(in, &rec, sizeof(rec));
	ainka_task_features(&rec, now, val, fresh);
	CHECK(val[1] >= 0 && val[1] <= 1000);
	take(in, counts, sizeof(counts));
	ainka_hist_percentile(counts, now % 300, rec.pid % 1100);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static void (* const door[])(struct input *) = {
		fuzz_text, fuzz_prog, fuzz_model, fuzz_value, fuzz_times, fuzz_records,
	};
	struct input in = { data, size };

	door[take_u8(&in) % ARRAY_SIZE(door)](&in);
	return 0;
}
