// SPDX-License-Identifier: Apache-2.0
/* Instructions from a stranger, with windows from a stranger. */
#include "fuzz.h"

static void take_windows(struct input *in, struct ainka_windows *windows)
{
	u32 i;

	memset(windows, 0, sizeof(*windows));
	windows->n = take_u8(in) % (AINKA_WINDOWS_MAX + 2);
	for (i = 0; i < windows->n && i < AINKA_WINDOWS_MAX; i++) {
		windows->def[i].signal = (take_u8(in) & 3) << 8 | take_u8(in);
		windows->def[i].func = take_u8(in) % 6;
		windows->def[i].length_ms = take_u8(in) * 500;
	}
}

/* Whole fields now and then, mostly such as may be right. */
static void take_instruction(struct input *in, struct ainka_insn *insn)
{
	u8 how;

	insn->op = take_u8(in);
	how = take_u8(in);
	insn->cmp = how & 7;
	if (how & 8) {
		insn->signal = (how & 0x10 ? AINKA_BANK_WINDOW : take_u8(in) & 3) << 8;
		insn->signal |= take_u8(in);
		insn->slot = ainka_slot_of(insn->signal);
	}
	if (how & 0x20)
		insn->imm = (s8)take_u8(in);
	if (how & 0x40)
		insn->imm = take_u64(in);
	if (how & 0x80)
		insn->slot ^= take_u8(in);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u8 how = take_u8(&in);
	u32 subject = how % 5, places = subject ? 1 : 0, i, len;
	bool has_model = how & 0x80;
	struct ainka_prog full = { 0 }, *prog;
	struct number window[AINKA_WINDOWS_MAX] = { 0 }, seen[AINKA_WINDOWS_MAX];
	struct ainka_windows windows;
	struct ainka_err err;
	struct ainka_env env;
	struct moment m = { 0 };
	char text[200];

	take_windows(&in, &windows);
	full.len = take_u8(&in) % (AINKA_PROG_MAX + 2);
	full.depth = take_u8(&in) % (AINKA_STACK_MAX + 2);
	full.signals = take_u8(&in) % (AINKA_MAX_CAUSES + 2);
	for (i = 0; i < AINKA_MAX_CAUSES; i++)
		full.signal[i] = (take_u8(&in) & 3) << 8 | take_u8(&in);
	for (i = 0; i < full.len && i < AINKA_PROG_MAX; i++)
		take_instruction(&in, &full.insn[i]);
	for (i = 0; i < AINKA_WINDOWS_MAX; i++)
		seen[i].value = take_value(&in, &seen[i].known);
	/* last, so that inputs stay good when there are more signals */
	take_moment(&in, subject, &m);
	/* Only so many instructions are there, as when a program is stored. */
	prog = malloc(ainka_prog_bytes(&full));
	memcpy(prog, &full, full.len > AINKA_PROG_MAX ? sizeof(full) : ainka_prog_bytes(&full));
	ainka_env_init(&env);
	if (!ainka_windows_verify(&windows, subject, &err) &&
	    !ainka_prog_verify(prog, subject, has_model, &windows, &err)) {
		struct ainka_history *history =
			calloc(1, ainka_history_bytes(&windows, places));

		/* a past of one moment: no window is known */
		ainka_history_init(history, &windows, places);
		show(&env, subject, &m);
		ainka_history_system(history, &env, 5);
		if (subject)
			ainka_history_subject(history, &env, 1, 1, 1, 5);
		ainka_steps = 0;
		CHECK(same_truth(ainka_prog_eval(prog, &env),
				 program_truth(prog, &m, (struct number){ 0 }, window)));
		CHECK(ainka_steps <= ainka_prog_cost(prog, NULL));
		len = ainka_prog_render(prog, &env, text, sizeof(text));
		CHECK(len < sizeof(text) && !text[len]);
		/* windows of which everything is known */
		for (i = 0; i < windows.n; i++) {
			window[i] = seen[i];
			env.val[AINKA_SLOT_WINDOW + i] = window[i].value;
			env.fresh[AINKA_SLOT_WINDOW + i] = window[i].known;
		}
		CHECK(same_truth(ainka_prog_eval(prog, &env),
				 program_truth(prog, &m, (struct number){ 0 }, window)));
		free(history);
	}
	free(prog);
	return 0;
}
