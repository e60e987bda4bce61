// SPDX-License-Identifier: GPL-2.0
/*
 * Signals of tasks that came as events. A walk over the maps knows nothing of
 * them, so they are kept here until they are stale, and laid over what the walk
 * saw. All of it is the fast worker's.
 */
#include <linux/kernel.h>

#include "ainka_core.h"
#include "overlay.h"

#define OVERLAYS 64

/**
 * struct overlay - a signal of one task
 * @key: the task
 * @value: the signal's value
 * @time_ns: when it had it
 * @until_ns: when it grows stale, 0 for a free place
 * @signal: the signal
 */
struct overlay {
	struct ainka_key key;
	s64 value;
	u64 time_ns;
	u64 until_ns;
	u16 signal;
};

static struct overlay overlays[OVERLAYS];

/**
 * ainka_overlay_put() - keep a value until it is stale
 * @signal: a signal of tasks
 * @key: the task
 * @value: the value
 * @time_ns: when the task had it
 *
 * Context: the fast worker.
 *
 * Return: false if there are too many others.
 */
bool ainka_overlay_put(u16 signal, const struct ainka_key *key, s64 value, u64 time_ns)
{
	struct overlay *place = NULL;
	u32 i;

	for (i = 0; i < OVERLAYS; i++) {
		struct overlay *o = &overlays[i];

		if (o->until_ns && o->signal == signal && ainka_key_same(&o->key, key)) {
			/* the CPUs' queues are emptied one by one */
			if (o->time_ns > time_ns)
				return true;
			place = o;
			break;
		}
		if (o->until_ns < time_ns)
			place = o;
	}
	if (!place)
		return false;
	place->key = *key;
	place->value = value;
	place->time_ns = time_ns;
	place->until_ns = time_ns + ainka_signal_by_id(signal)->max_age_ns;
	place->signal = signal;
	return true;
}

/**
 * ainka_overlay_apply() - lay what is kept of a task over what a walk saw
 * @snap: what was seen
 * @now_ns: the present
 *
 * Context: the fast worker.
 */
void ainka_overlay_apply(struct ainka_snap *snap, u64 now_ns)
{
	u32 i;

	for (i = 0; i < OVERLAYS; i++) {
		const struct overlay *o = &overlays[i];

		if (o->until_ns < now_ns || !ainka_key_same(&o->key, &snap->key))
			continue;
		snap->val[AINKA_SIG_INDEX(o->signal)] = o->value;
		snap->fresh[AINKA_SIG_INDEX(o->signal)] = 1;
	}
}

/**
 * ainka_overlay_next() - which tasks there is something of
 * @at: where to go on, 0 at first
 * @now_ns: the present
 * @key: gets the task; one may come more than once
 *
 * Context: the fast worker.
 *
 * Return: false behind the last one.
 */
bool ainka_overlay_next(u32 *at, u64 now_ns, struct ainka_key *key)
{
	while (*at < OVERLAYS) {
		const struct overlay *o = &overlays[(*at)++];

		if (o->until_ns < now_ns)
			continue;
		*key = o->key;
		return true;
	}
	return false;
}
