// SPDX-License-Identifier: GPL-2.0
/* The one state machine; its transitions are in core/state.c. */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "engine.h"
#include "machine_state.h"
#include "params.h"

/* A stall has passed when it has been this short for this long. */
#define CALM_NS (10 * NSEC_PER_SEC)

const char *const ainka_state_names[] = {
	[AINKA_STATE_LEARNING] = "learning",
	[AINKA_STATE_OPTIMIZING] = "optimizing",
	[AINKA_STATE_PREDICTIVE_SCALING] = "predictive_scaling",
	[AINKA_STATE_ANOMALY_DETECTION] = "anomaly_detection",
	[AINKA_STATE_EMERGENCY] = "emergency",
};

/* protects present */
static DEFINE_SPINLOCK(state_lock);
static struct ainka_state_info present;

/* The sampler's: when a stall was last seen, and whether it brought the emergency about. */
static u64 stalled_ns;
static bool stall_emergency;

/**
 * ainka_state_init() - begin
 */
void ainka_state_init(void)
{
	present.state = ainka_learning_mode ? AINKA_STATE_LEARNING : AINKA_STATE_OPTIMIZING;
	present.since_ns = ktime_get_ns();
	strscpy(present.why, "module loaded", sizeof(present.why));
}

/**
 * ainka_state_now() - the present state
 *
 * Return: enum ainka_state.
 */
u32 ainka_state_now(void)
{
	return READ_ONCE(present.state);
}

/**
 * ainka_state_info() - the present state, since when and why
 * @info: gets them
 */
void ainka_state_info(struct ainka_state_info *info)
{
	spin_lock(&state_lock);
	*info = present;
	spin_unlock(&state_lock);
}

/**
 * ainka_state_event() - tell the state machine what has happened
 * @event: what
 * @arg: the state an admin asks for
 * @why: in words, for people
 *
 * Return: true if the state changed.
 */
bool ainka_state_event(enum ainka_event event, u32 arg, const char *why)
{
	u32 old, new;

	spin_lock(&state_lock);
	old = present.state;
	new = ainka_state_next(old, event, arg);
	if (new != old) {
		WRITE_ONCE(present.state, new);
		present.since_ns = ktime_get_ns();
		strscpy(present.why, why, sizeof(present.why));
	}
	spin_unlock(&state_lock);
	if (new == old)
		return false;
	pr_info("state %s -> %s: %s\n", ainka_state_names[old], ainka_state_names[new], why);
	ainka_engine_kick();
	return true;
}

/**
 * ainka_state_stall() - tell the state machine how much the machine stalls
 * @full_permille: share of the last second in which all tasks stalled
 * @now_ns: the present
 */
void ainka_state_stall(u64 full_permille, u64 now_ns)
{
	u32 threshold = READ_ONCE(ainka_emergency_threshold);
	char why[AINKA_WHY_LEN];

	if (full_permille >= threshold) {
		stalled_ns = now_ns;
		snprintf(why, sizeof(why), "full stall %llu permille, threshold %u",
			 full_permille, threshold);
		if (ainka_state_event(AINKA_EVENT_STALL_HIGH, 0, why))
			stall_emergency = true;
	} else if (full_permille >= threshold / 2) {
		stalled_ns = now_ns;
	} else if (stall_emergency && now_ns - stalled_ns > CALM_NS) {
		/* an emergency that an admin has declared is the admin's to end */
		stall_emergency = false;
		ainka_state_event(AINKA_EVENT_STALL_LOW, 0,
				  "stall below half the threshold for 10 s");
	}
}

/**
 * ainka_state_by_name() - the state of a name
 * @name: the name, with dashes or underscores
 *
 * Return: enum ainka_state or -EINVAL.
 */
int ainka_state_by_name(const char *name)
{
	const char *p, *q;
	int i;

	for (i = 0; i <= AINKA_STATE_EMERGENCY; i++) {
		for (p = name, q = ainka_state_names[i]; *p && *q; p++, q++)
			if (*p != *q && !(*p == '-' && *q == '_'))
				break;
		if (!*p && !*q)
			return i;
	}
	return -EINVAL;
}
