// SPDX-License-Identifier: Apache-2.0
/*
 * A line of text is a condition; what follows is a series of moments. The core
 * compiles it once and feeds its windows moment by moment; the reference reads
 * the text anew each time.
 */
#include "fuzz.h"

#define MOMENTS	24
#define PLACES	4

static struct moment moment[MOMENTS];

/* A text that means something is refused only for its size. */
static bool about_size(const char *msg)
{
	static const char * const limit[] = {
		"longer than 511", "at most 64 instructions", "at most 16", "nested more than 16",
		"too many operators", "at most 8 windows",
	};

	for (u32 i = 0; i < ARRAY_SIZE(limit); i++)
		if (strstr(msg, limit[i]))
			return true;
	return false;
}

static void evaluate(struct input *in, const char *text, u32 subject, bool has_model,
		     const struct ainka_prog *prog, const struct ainka_windows *windows)
{
	u32 places = subject == AINKA_SUBJECT_SYSTEM ? 0 : PLACES;
	struct ainka_history *history = calloc(1, ainka_history_bytes(windows, places));
	struct number model = { 0 };
	struct trace trace = { .moment = moment };
	enum truth expected = UNKNOWN;
	struct ainka_env env;
	u64 us = take_u32(in), walk = 0;
	u8 hows[MOMENTS] = { 0 };
	char explained[256];
	/* without windows the past does not matter */
	u32 most = windows->n ? MOMENTS : 2;
	u32 budget = 0, i, len;

	ainka_history_init(history, windows, places);
	for (i = 0; i < windows->n; i++)
		budget += ainka_window_cost(&windows->def[i]);
	ainka_env_init(&env);
	/* what happens comes before the values: inputs stay good when there are more signals */
	i = 1 + take_u8(in) % MOMENTS;
	if (most > i)
		most = i;
	take(in, hows, most);
	while (trace.n < most) {
		struct moment *m = &moment[trace.n];
		u8 how = hows[trace.n++];

		/* the clock may step back; moments of one time belong to one walk */
		us += (how & 0x3f) * 40000ULL;
		if (how == 0x40)
			us = us > 5000000 ? us - 5000000 : 0;
		walk += !(how & 0x80);
		if (how & 0x40 && trace.n > 1)
			*m = m[-1];
		else
			take_moment(in, subject, m);
		m->us = us;
		m->subject_number = subject ? 1 + (how >> 6) : 0;
		show(&env, subject, m);
		ainka_steps = 0;
		ainka_history_system(history, &env, us * 1000 + how);
		if (subject)
			ainka_history_subject(history, &env, m->subject_number, 7, walk,
					      us * 1000 + how);
		CHECK(ainka_steps <= budget);
		CHECK(text_truth(text, subject, has_model, model, &trace, &expected));
		ainka_steps = 0;
		CHECK(same_truth(ainka_prog_eval(prog, &env), expected));
		CHECK(ainka_steps <= ainka_prog_cost(prog, NULL));
		/* looking again changes nothing */
		ainka_history_show(history, &env, m->subject_number, 7, us * 1000);
		CHECK(same_truth(ainka_prog_eval(prog, &env), expected));
		len = ainka_prog_render(prog, &env, explained, 1 + how);
		CHECK(len <= how && !explained[len]);
	}
	free(history);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct ainka_windows windows = { 0 }, again = { 0 };
	struct trace trace = { 1, moment };
	struct ainka_err err = { 0 };
	struct ainka_prog prog;
	char *text = take_line(&in);
	u8 how = take_u8(&in);
	u32 subject = how % 5;
	bool has_model = how & 0x80;
	enum truth truth;
	int ret;

	memset(&moment[0], 0, sizeof(moment[0]));
	ret = ainka_expr_compile(text, subject, has_model, &windows, &prog, &err);
	CHECK(ret == ainka_expr_compile(text, subject, has_model, &again, &prog, NULL));
	if (ret) {
		CHECK(err.msg[0] && strlen(err.msg) < sizeof(err.msg));
		CHECK(err.pos + err.len <= strlen(text));
		CHECK(subject > 3 || strlen(text) > 511 || about_size(err.msg) ||
		      !text_truth(text, subject, has_model, (struct number){ 0 }, &trace, &truth));
	} else {
		CHECK(!memcmp(&windows, &again, sizeof(windows)));
		CHECK(!ainka_windows_verify(&windows, subject, &err));
		CHECK(!ainka_prog_verify(&prog, subject, has_model, &windows, &err));
		evaluate(&in, text, subject, has_model, &prog, &windows);
	}
	free(text);
	return 0;
}
