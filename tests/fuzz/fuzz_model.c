// SPDX-License-Identifier: Apache-2.0
/* A model from a stranger: accepted if it is one, and then it says what its bytes say. */
#include "fuzz.h"

static void ask(const struct ainka_model *model, const u8 *blob, u32 subject,
		const struct moment *m)
{
	struct ainka_env env;
	struct ainka_prog prog;
	struct ainka_err err;
	struct number expected;
	s64 result = 0;
	u32 leaf = 0, at, len, size;
	char text[300];

	ainka_env_init(&env);
	show(&env, subject, m);
	expected = model_answer(blob, m, &at);
	ainka_steps = 0;
	CHECK(ainka_model_eval(model, &env, &result, &leaf) == expected.known);
	CHECK(ainka_steps <= model->cost);
	CHECK(!expected.known || result == expected.value);
	CHECK(leaf == at);
	for (size = 1; size <= sizeof(text); size += 59) {
		len = ainka_model_render(model, &env, text, size);
		CHECK(len < size && !text[len]);
	}
	/* what is not known is said to be stale */
	CHECK(expected.known == !strstr(text, " stale") || len == size - 60);
	env.model = model;
	CHECK(!ainka_expr_compile("model > 1 or -model < 3", subject, true, NULL, &prog, &err));
	ainka_steps = 0;
	CHECK(same_truth(ainka_prog_eval(&prog, &env),
			 !expected.known ? UNKNOWN :
			 expected.value > 1 || clip(-(wide)expected.value) < 3 ? YES : NO));
	CHECK(ainka_steps <= ainka_prog_cost(&prog, model));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u8 how = take_u8(&in);
	u32 subject = how % 5, i;
	struct ainka_err err = { 0 };
	struct ainka_model *model;
	struct moment m = { 0 };
	bool valid;
	u8 *blob;
	u64 bytes;

	size = take_u16(&in);
	if (size > in.left)
		size = in.left;
	blob = malloc(size ? size : 1);
	take(&in, blob, size);
	/* last, so that inputs stay good when there are more signals */
	take_moment(&in, subject, &m);
	valid = model_valid(blob, size, subject);
	if (!ainka_model_size(blob, size, &bytes, &err)) {
		model = calloc(1, bytes);
		CHECK(!ainka_model_load(blob, size, subject, model, &err) == valid);
		if (valid) {
			CHECK(model->bytes == bytes);
			ask(model, blob, subject, &m);
			/* the fast way */
			for (i = 0; i < SIGNALS; i++)
				m.signal[i].known = may_read(signal_at(i)->id, subject);
			ask(model, blob, subject, &m);
		}
		free(model);
	} else {
		CHECK(!valid);
	}
	CHECK(valid || err.msg[0]);
	free(blob);
	return 0;
}
