// SPDX-License-Identifier: GPL-2.0
/*
 * The sums over all CPUs of what BPF programs and the kernel count, in slices of
 * a sliding window of 1 s, and the signals that come of them. A part of something
 * is over 5 s: of what is rare, a second would mostly show none.
 *
 * All of this is the fast worker's, but for what is noted of the maps.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "core/counted.h"
#include "counted.h"
#include "kernel_counters.h"
#include "maps.h"
#include "signals.h"
#include "slide.h"

#define SLICES 5

static_assert(SLICES <= AINKA_SLIDE_MAX);
static_assert(AINKA_N_BPF_COUNTERS <= AINKA_COUNTERS_MAX);
static_assert(AINKA_N_COUNTERS <= 64);
static_assert(AINKA_N_TIMES <= AINKA_TIMES_MAX);

static struct ainka_slide slide = { .slice_ns = 200 * NSEC_PER_MSEC, .slices = SLICES };
static struct ainka_counted_sums *slices;	/* sums over all CPUs, a ring */
static struct ainka_slide long_slide = { .slice_ns = NSEC_PER_SEC, .slices = SLICES };
static struct ainka_counter_sums long_slices[SLICES + 1];	/* a ring of fewer of them */
static u32 seen;	/* value of @attached when the window began */

/* protects what follows: the programs that count, and how often they changed */
static DEFINE_SPINLOCK(slots_lock);
static u64 counter_slots, times_slots;
static u32 attached;

/**
 * ainka_counted_init() - allocate the window
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_counted_init(void)
{
	slices = vzalloc((SLICES + 1) * sizeof(*slices));
	return slices ? 0 : -ENOMEM;
}

/**
 * ainka_counted_exit() - free it
 */
void ainka_counted_exit(void)
{
	vfree(slices);
}

/**
 * ainka_counted_bytes() - what is allocated
 *
 * Return: bytes.
 */
u64 ainka_counted_bytes(void)
{
	return (SLICES + 1) * sizeof(*slices) + sizeof(long_slices);
}

/**
 * ainka_counted_slots() - check the slots that come with a map
 * @role: enum ainka_map_role
 * @slots: a bit for each slot that is counted
 * @why: gets what is wrong, in words
 *
 * Return: 0 or -EINVAL.
 */
int ainka_counted_slots(u32 role, u64 slots, const char **why)
{
	u64 known = 0;

	if (role == AINKA_MAP_ROLE_COUNTERS)
		known = GENMASK_ULL(AINKA_N_BPF_COUNTERS - 1, 0);
	else if (role == AINKA_MAP_ROLE_TIMES)
		known = GENMASK_ULL(AINKA_N_TIMES - 1, 0);
	if (!(slots & ~known))
		return 0;
	*why = known ? "slots has a bit that is no slot: are module and daemon of one version?" :
		       "slots is for the roles counters and times";
	return -EINVAL;
}

/**
 * ainka_counted_attached() - the map of a role is another one
 * @role: enum ainka_map_role
 * @slots: what is counted in it; ainka_counted_slots() has seen them
 */
void ainka_counted_attached(u32 role, u64 slots)
{
	if (role != AINKA_MAP_ROLE_COUNTERS && role != AINKA_MAP_ROLE_TIMES)
		return;
	spin_lock(&slots_lock);
	if (role == AINKA_MAP_ROLE_COUNTERS)
		counter_slots = slots;
	else
		times_slots = slots;
	attached++;
	spin_unlock(&slots_lock);
}

static void add_counters(const void *value, void *arg)
{
	const struct ainka_counters *one = value;
	struct ainka_counted_sums *sums = arg;
	unsigned int i;

	for (i = 0; i < AINKA_N_BPF_COUNTERS; i++)
		sums->of.counter[i] += READ_ONCE(one->n[i]);
}

static void add_times(const void *value, void *arg)
{
	const struct ainka_times *one = value;
	struct ainka_times *sum = arg;
	unsigned int i;

	sum->sum_ns += READ_ONCE(one->sum_ns);
	sum->n += READ_ONCE(one->n);
	for (i = 0; i < AINKA_TIMES_BUCKETS; i++)
		sum->hist[i] += READ_ONCE(one->hist[i]);
}

/* What is in no map, or counted by nobody, is not there. */
static void sum_cpus(struct ainka_counted_sums *sums)
{
	u32 slot;

	if (!ainka_maps_each_cpu(AINKA_MAP_ROLE_COUNTERS, 0, add_counters, sums))
		sums->of.counters = 0;
	sums->of.counters |= ainka_kernel_counters(sums->of.counter);
	for (slot = 0; slot < AINKA_N_TIMES; slot++)
		if (sums->times & BIT_ULL(slot) &&
		    !ainka_maps_each_cpu(AINKA_MAP_ROLE_TIMES, slot, add_times,
					 &sums->time[slot]))
			sums->times &= ~BIT_ULL(slot);
}

static void set_signals(const struct ainka_counted_sums *now,
			const struct ainka_counted_sums *then)
{
	u32 cpus = num_online_cpus(), i;
	s64 value;

	for (i = 0; i < AINKA_N_COUNTED; i++)
		if (ainka_counted_value(&ainka_counted[i], now, then, cpus, &value))
			ainka_signal_set(ainka_counted[i].id, value, now->of.time_ns);
}

static void set_ratios(const struct ainka_counter_sums *now,
		       const struct ainka_counter_sums *then)
{
	u32 i;
	s64 value;

	for (i = 0; i < AINKA_N_COUNTED; i++)
		if (ainka_counted[i].from == AINKA_FROM_COUNTER_RATIO &&
		    ainka_counted_ratio(&ainka_counted[i], now, then, &value))
			ainka_signal_set(ainka_counted[i].id, value, now->time_ns);
}

/* Begin a sum; the window begins anew when other programs count. */
static struct ainka_counted_sums *begin(u64 now_ns)
{
	struct ainka_counted_sums *next = &slices[ainka_slide_next(&slide)];

	memset(next, 0, sizeof(*next));
	next->of.time_ns = now_ns;
	spin_lock(&slots_lock);
	next->of.counters = counter_slots;
	next->times = times_slots;
	if (seen != attached) {
		ainka_slide_reset(&slide);
		ainka_slide_reset(&long_slide);
	}
	seen = attached;
	spin_unlock(&slots_lock);
	return next;
}

/**
 * ainka_counted_sample() - bring the signals that come of counters up to date
 * @now_ns: the present
 *
 * Called by the fast worker at every tick; maps are read once a slice.
 */
void ainka_counted_sample(u64 now_ns)
{
	struct ainka_counted_sums *next;
	u32 then;

	if (!ainka_slide_due(&slide, now_ns))
		return;
	next = begin(now_ns);
	sum_cpus(next);
	ainka_slide_push(&slide, now_ns);
	if (ainka_slide_then(&slide, now_ns, &then))
		set_signals(next, &slices[then]);
	if (ainka_slide_due(&long_slide, now_ns)) {
		long_slices[ainka_slide_next(&long_slide)] = next->of;
		ainka_slide_push(&long_slide, now_ns);
	}
	if (ainka_slide_then(&long_slide, now_ns, &then))
		set_ratios(&next->of, &long_slices[then]);
}
