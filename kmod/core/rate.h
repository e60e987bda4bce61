/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * How often something happens, kept where it happens, by BPF programs and the
 * module alike: a count over a sliding second, told when it has changed by an
 * eighth and when a new second begins, so that nobody has to look at it in
 * between, and a steady one does not count as stale. The second before the
 * present one counts for the part of it that has not slid out yet.
 *
 * Several CPUs may count at once; one that counts while another begins a new
 * second may be lost.
 */
#ifndef AINKA_CORE_RATE_H
#define AINKA_CORE_RATE_H

#include "types.h"

#define AINKA_RATE_WINDOW_NS	1000000000ULL
/* Rates below are not worth telling. */
#define AINKA_RATE_FLOOR_HZ	16

/**
 * struct ainka_rate - how often something happens
 * @start_ns: when the present second began
 * @now: count since then
 * @before: count of the second before
 * @told: rate that was told last
 * @pad: 0
 */
struct ainka_rate {
	u64 start_ns;
	u32 now;
	u32 before;
	u32 told;
	u32 pad;
};

/**
 * ainka_rate_hz - the present rate
 * @rate: the counts
 * @now_ns: CLOCK_MONOTONIC
 *
 * Return: events per second.
 */
static inline u32 ainka_rate_hz(const struct ainka_rate *rate, u64 now_ns)
{
	u64 elapsed = now_ns > rate->start_ns ? now_ns - rate->start_ns : 0;
	u64 window = AINKA_RATE_WINDOW_NS;

	if (elapsed >= 2 * window)
		return 0;
	if (elapsed >= window)
		return rate->now * (2 * window - elapsed) / window;
	return rate->now + rate->before * (window - elapsed) / window;
}

/**
 * ainka_rate_add - it has happened
 * @rate: the counts, zero-initialised
 * @now_ns: CLOCK_MONOTONIC
 *
 * Return: the rate, if it should be told now, else 0.
 */
static inline u32 ainka_rate_add(struct ainka_rate *rate, u64 now_ns)
{
	u64 start = rate->start_ns;
	u64 elapsed = now_ns > start ? now_ns - start : 0;
	u32 hz, told, change, begun = 0;

	/* one CPU begins the new second, the others count in it */
	if (elapsed >= AINKA_RATE_WINDOW_NS &&
	    __sync_bool_compare_and_swap(&rate->start_ns, start, now_ns)) {
		rate->before = elapsed < 2 * AINKA_RATE_WINDOW_NS ? rate->now : 0;
		rate->now = 0;
		begun = 1;
	}
	__sync_fetch_and_add(&rate->now, 1);
	hz = ainka_rate_hz(rate, now_ns);
	told = rate->told;
	change = hz > told ? hz - told : told - hz;
	if (hz < AINKA_RATE_FLOOR_HZ && told < AINKA_RATE_FLOOR_HZ)
		return 0;
	if (change <= told / 8 && !begun)
		return 0;
	rate->told = hz;
	return hz;
}

#endif
