/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Signals of the system that come of counters and of distributions of times. */
#ifndef AINKA_CORE_COUNTED_H
#define AINKA_CORE_COUNTED_H

#include "ainka_core.h"
#include "../../ebpf/ainka_events.h"

/* enum ainka_from - what is made of a slot */
enum ainka_from {
	AINKA_FROM_COUNTER_RATE,	/* additions a second */
	AINKA_FROM_COUNTER_TOTAL,	/* since the beginning */
	AINKA_FROM_COUNTER_SHARE,	/* permille of all CPUs' time, of a counter in ns */
	AINKA_FROM_COUNTER_TIME,	/* microseconds since the beginning, of one in ns */
	AINKA_FROM_COUNTER_RATIO,	/* permille of the additions to another counter */
	AINKA_FROM_COUNTER_AGE,		/* ms that what is under way has lasted (AINKA_BEGUN) */
	AINKA_FROM_TIMES_RATE,
	AINKA_FROM_TIMES_SHARE,
	AINKA_FROM_TIMES_MEAN,
	AINKA_FROM_TIMES_P50,
	AINKA_FROM_TIMES_P99,
	AINKA_FROM_TIMES_TOTAL,		/* how many there were since the beginning */
	AINKA_FROM_TIMES_TIME,		/* and how long they took together */
};

/**
 * struct ainka_counted_def - a signal that comes of a slot (generated table)
 * @id: the signal
 * @slot: enum ainka_counter or ainka_times_slot
 * @from: enum ainka_from
 * @per: the other counter of a ratio
 */
struct ainka_counted_def {
	u16 id;
	u8 slot;
	u8 from;
	u8 per;
};

extern const struct ainka_counted_def ainka_counted[AINKA_N_COUNTED];

/**
 * struct ainka_counter_sums - what the counters of all CPUs came to at a moment
 * @time_ns: the moment
 * @counters: a bit for each counter that somebody counts
 * @counter: by enum ainka_counter
 */
struct ainka_counter_sums {
	u64 time_ns;
	u64 counters;
	u64 counter[AINKA_N_COUNTERS];
};

/**
 * struct ainka_counted_sums - all that CPUs have counted up to a moment
 * @of: the counters, and the moment
 * @times: a bit for each slot of @time
 * @time: by enum ainka_times_slot
 */
struct ainka_counted_sums {
	struct ainka_counter_sums of;
	u64 times;
	struct ainka_times time[AINKA_N_TIMES];
};

bool ainka_counted_value(const struct ainka_counted_def *def,
			 const struct ainka_counted_sums *now,
			 const struct ainka_counted_sums *then, u32 cpus, s64 *value);
bool ainka_counted_ratio(const struct ainka_counted_def *def,
			 const struct ainka_counter_sums *now,
			 const struct ainka_counter_sums *then, s64 *value);

#endif
