// SPDX-License-Identifier: Apache-2.0
/* What depends on time: hysteresis, budgets, states; and the records of tasks. */
#include "fuzz.h"
#include "../../ebpf/ainka_events.h"

/* When a policy is on, told by looking back. */
struct past {
	bool on;
	bool ever;
	bool true_before;
	u64 true_since;
	u64 changed;
};

static u64 since(u64 then, u64 now)
{
	return now > then ? now - then : 0;
}

static bool step(struct past *p, const struct ainka_hyst_cfg *cfg, enum ainka_truth when,
		 enum ainka_truth until, bool has_until, u64 now)
{
	bool turn;

	if (p->on) {
		bool stays = has_until ? until == AINKA_FALSE : when == AINKA_TRUE;

		turn = !stays && since(p->changed, now) >= cfg->hold_ns;
	} else {
		if (when != AINKA_TRUE)
			p->true_before = false;
		else if (!p->true_before)
			p->true_since = now;
		p->true_before = when == AINKA_TRUE;
		turn = p->true_before && since(p->true_since, now) >= cfg->for_ns &&
		       (!p->ever || since(p->changed, now) >= cfg->cooldown_ns);
	}
	if (turn) {
		p->on = !p->on;
		p->ever = true;
		p->true_before = false;
		p->changed = now;
	}
	return turn;
}

static void fuzz_hysteresis(struct input *in)
{
	struct ainka_hyst_cfg cfg = { take_u8(in), take_u8(in), take_u8(in) };
	bool has_until = take_u8(in) & 1;
	struct ainka_budget budget = { 0 };
	struct ainka_hyst hyst = { 0 };
	struct past past = { 0 };
	u32 state = 0;
	u64 now = 0;

	while (in->left) {
		u8 c = take_u8(in);

		now += c & 0x80 ? take_u64(in) : c;
		CHECK(ainka_hyst_step(&hyst, &cfg, c % 3, c / 3 % 3, has_until, now) ==
		      step(&past, &cfg, c % 3, c / 3 % 3, has_until, now));
		CHECK(hyst.on == past.on);
		ainka_budget_take(&budget, c, cfg.for_ns, now);
		state = ainka_state_next(state, c % 6, c >> 4);
		CHECK(state <= AINKA_STATE_EMERGENCY);
		ainka_state_allows(state, c & 3, c);
	}
}

/* In any minute no more writes than the rate, after the burst that was saved up. */
static void fuzz_budget(struct input *in)
{
	u32 rate = take_u8(in), burst = take_u8(in) % 8;
	struct ainka_budget budget = { 0 };
	u64 start = 1 + take_u32(in), now = start;
	wide taken = 0;

	while (in->left) {
		now += take_u8(in) * 10000000ULL;
		taken += ainka_budget_take(&budget, rate, burst, now);
		CHECK(taken * 60 * 1000000000 <=
		      (wide)(now - start) * rate + (wide)(burst ? burst : 1) * 60 * 1000000000);
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

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static void (* const what[])(struct input *) = {
		fuzz_hysteresis, fuzz_budget, fuzz_records,
	};
	struct input in = { data, size };

	what[take_u8(&in) % ARRAY_SIZE(what)](&in);
	return 0;
}
