// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "ainka_core.h"

/* A clock that steps back has not moved. */
static u64 since(u64 then_ns, u64 now_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static bool turn_on(struct ainka_hyst *h, const struct ainka_hyst_cfg *cfg, u64 now_ns)
{
	if (!h->pending) {
		h->pending = 1;
		h->true_since_ns = now_ns;
	}
	if (since(h->true_since_ns, now_ns) < cfg->for_ns)
		return false;
	if (h->was_on && since(h->changed_ns, now_ns) < cfg->cooldown_ns)
		return false;
	h->on = 1;
	h->was_on = 1;
	h->pending = 0;
	h->changed_ns = now_ns;
	return true;
}

/**
 * ainka_hyst_step - feed one evaluation of a policy's conditions
 * @h: state of the policy for one subject
 * @cfg: its times
 * @when: the condition that turns it on
 * @until: the condition that turns it off, where there is one
 * @has_until: there is one; otherwise it turns off when @when does not hold
 * @now_ns: time of the evaluation
 *
 * Unknown never turns a policy on, and turns it off: when nobody can tell
 * whether the change is still wanted, the baseline is.
 *
 * Return: true when @h->on changed.
 */
bool ainka_hyst_step(struct ainka_hyst *h, const struct ainka_hyst_cfg *cfg,
		     enum ainka_truth when, enum ainka_truth until, bool has_until,
		     u64 now_ns)
{
	bool stay = has_until ? until == AINKA_FALSE : when == AINKA_TRUE;

	if (!h->on) {
		if (when == AINKA_TRUE)
			return turn_on(h, cfg, now_ns);
		h->pending = 0;
		return false;
	}
	if (stay || since(h->changed_ns, now_ns) < cfg->hold_ns)
		return false;
	h->on = 0;
	h->changed_ns = now_ns;
	return true;
}
