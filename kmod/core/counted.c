// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "counted.h"

#define NS_PER_US	1000ULL
#define NS_PER_MS	1000000ULL
#define LARGEST		0x7fffffffffffffffULL

static bool set(u64 v, s64 *value)
{
	*value = v < LARGEST ? v : LARGEST;
	return true;
}

/* Per second, to the nearest: one event in a window of about 1 s is 1 Hz. */
static bool set_rate(u64 n, u64 ns, s64 *value)
{
	u64 ms = ns / NS_PER_MS;

	if (!ms)
		return false;
	return set(n < LARGEST / 2000 ? (n * 1000 + ms / 2) / ms : n / ms * 1000, value);
}

/* Permille of the time of @cpus CPUs, of which there cannot be more than all. */
static bool set_share(u64 busy_ns, u64 ns, u32 cpus, s64 *value)
{
	u64 all_us = ns / NS_PER_US * cpus, share;

	if (!all_us)
		return false;
	busy_ns = busy_ns < LARGEST / 1000 ? busy_ns : LARGEST / 1000;
	share = busy_ns / NS_PER_US * 1000 / all_us;
	return set(share < 1000 ? share : 1000, value);
}

static bool set_ratio(u64 n, u64 all, s64 *value)
{
	if (!all)
		return false;
	return set((n < LARGEST / 1000 ? n : LARGEST / 1000) * 1000 / all, value);
}

/* Of what is under way at @now_ns, all together; see AINKA_BEGUN. */
static bool set_age(u64 begun, u64 now_ns, s64 *value)
{
	const u64 mask = (1ULL << AINKA_BEGUN_BITS) - 1;
	u64 n = begun >> AINKA_BEGUN_BITS, age;

	age = (n * (now_ns >> AINKA_BEGUN_SHIFT) - begun) & mask;
	/*
	 * The CPUs are not read all at once: an end without its beginning is less than
	 * nothing. Next time it is right again.
	 */
	if (n >> (63 - AINKA_BEGUN_BITS) || age >> (AINKA_BEGUN_BITS - 1) || (!n && age))
		return false;
	return set((age << (AINKA_BEGUN_SHIFT - 6)) / (NS_PER_MS >> 6), value);
}

static bool set_percentile(const struct ainka_times *now, const struct ainka_times *then,
			   u32 permille, s64 *value)
{
	u32 diff[AINKA_TIMES_BUCKETS], i;

	for (i = 0; i < AINKA_TIMES_BUCKETS; i++)
		diff[i] = now->hist[i] - then->hist[i];
	return set(ainka_hist_percentile_wide(diff, AINKA_TIMES_BUCKETS, permille) / NS_PER_US,
		   value);
}

static bool of_counter(const struct ainka_counted_def *def, u64 now, u64 then, u64 ns, u32 cpus,
		       s64 *value)
{
	if (def->from == AINKA_FROM_COUNTER_TOTAL)
		return set(now, value);
	if (def->from == AINKA_FROM_COUNTER_TIME)
		return set(now / NS_PER_US, value);
	/* the kernel takes back some of a time that it has shown before it was over */
	if (def->from == AINKA_FROM_COUNTER_SHARE)
		return set_share(now > then ? now - then : 0, ns, cpus, value);
	/* it has begun anew */
	if (now < then)
		return false;
	return set_rate(now - then, ns, value);
}

static bool of_times(const struct ainka_counted_def *def, const struct ainka_times *now,
		     const struct ainka_times *then, u64 ns, u32 cpus, s64 *value)
{
	u64 n = now->n - then->n;

	if (def->from == AINKA_FROM_TIMES_TOTAL)
		return set(now->n, value);
	if (def->from == AINKA_FROM_TIMES_TIME)
		return set(now->sum_ns / NS_PER_US, value);
	if (now->n < then->n || now->sum_ns < then->sum_ns)
		return false;
	if (def->from == AINKA_FROM_TIMES_RATE)
		return set_rate(n, ns, value);
	if (def->from == AINKA_FROM_TIMES_SHARE)
		return set_share(now->sum_ns - then->sum_ns, ns, cpus, value);
	/* of none there is neither a mean nor a percentile */
	if (!n)
		return false;
	if (def->from == AINKA_FROM_TIMES_MEAN)
		return set((now->sum_ns - then->sum_ns) / n / NS_PER_US, value);
	return set_percentile(now, then, def->from == AINKA_FROM_TIMES_P50 ? 500 : 990, value);
}

/**
 * ainka_counted_ratio - the value of a signal that is a part of another counter
 * @def: the signal, of AINKA_FROM_COUNTER_RATIO
 * @now: the sums at the end of the window
 * @then: those at its beginning
 * @value: gets it
 *
 * Return: false if there is none: nobody counts one of the two, it began anew
 * within the window, or it is a part of nothing.
 */
bool ainka_counted_ratio(const struct ainka_counted_def *def,
			 const struct ainka_counter_sums *now,
			 const struct ainka_counter_sums *then, s64 *value)
{
	u64 bits = 1ULL << (def->slot & 63) | 1ULL << (def->per & 63);
	u64 n = now->counter[def->slot], all = now->counter[def->per];

	if ((now->counters & then->counters & bits) != bits || n < then->counter[def->slot] ||
	    all < then->counter[def->per])
		return false;
	return set_ratio(n - then->counter[def->slot], all - then->counter[def->per], value);
}

/**
 * ainka_counted_value - the value of a signal that comes of a slot
 * @def: the signal
 * @now: the sums at the end of the window
 * @then: those at its beginning
 * @cpus: CPUs whose time counts
 * @value: gets it
 *
 * The sums may be of slightly different moments on each CPU.
 *
 * Return: false if there is none: nobody counts, it began anew within the window,
 * it is the mean or a percentile of nothing, or ainka_counted_ratio() is for it.
 */
bool ainka_counted_value(const struct ainka_counted_def *def,
			 const struct ainka_counted_sums *now,
			 const struct ainka_counted_sums *then, u32 cpus, s64 *value)
{
	const struct ainka_counter_sums *a = &now->of, *b = &then->of;
	u64 bit = 1ULL << (def->slot & 63);
	u64 ns = a->time_ns - b->time_ns;

	if (a->time_ns <= b->time_ns || def->from == AINKA_FROM_COUNTER_RATIO)
		return false;
	if (def->from == AINKA_FROM_COUNTER_AGE)
		return a->counters & b->counters & bit &&
		       set_age(a->counter[def->slot], a->time_ns, value);
	if (def->from < AINKA_FROM_TIMES_RATE)
		return a->counters & b->counters & bit &&
		       of_counter(def, a->counter[def->slot], b->counter[def->slot], ns, cpus,
				  value);
	return now->times & then->times & bit &&
	       of_times(def, &now->time[def->slot], &then->time[def->slot], ns, cpus, value);
}
