/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* When a condition turns a policy on and off (hysteresis.c). */
#ifndef AINKA_CORE_HYSTERESIS_H
#define AINKA_CORE_HYSTERESIS_H

#include "types.h"

/* Results of a condition: a comparison with a stale signal is unknown (Kleene). */
enum ainka_truth { AINKA_FALSE, AINKA_TRUE, AINKA_UNKNOWN };


/**
 * struct ainka_hyst_cfg - when a condition turns a policy on and off
 * @for_ns: how long it must be true before the policy turns on
 * @hold_ns: minimum time on
 * @cooldown_ns: minimum time off before it turns on again
 */
struct ainka_hyst_cfg {
	u64 for_ns;
	u64 hold_ns;
	u64 cooldown_ns;
};

/* struct ainka_hyst - zero-initialised; on is the answer */
struct ainka_hyst {
	u8 on;
	u8 pending;	/* true since @true_since_ns, not yet on */
	u8 was_on;	/* has been on, so that the cool-down counts */
	u64 true_since_ns;
	u64 changed_ns;
};

/* Feed one evaluation; returns true when h->on changed. */
bool ainka_hyst_step(struct ainka_hyst *h, const struct ainka_hyst_cfg *cfg,
		     enum ainka_truth when, enum ainka_truth until, bool has_until,
		     u64 now_ns);

#endif
