// SPDX-License-Identifier: GPL-2.0
/*
 * The system's signals: their present values, and the sampling of those that
 * are differences of what BPF programs count over a sliding window of 1 s.
 *
 * A value has one writer, the worker of its source; readers look without a
 * lock and may see a value with the time of the one before it. Of an external
 * signal that several report at once, the same goes for their values.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "ainka_core.h"
#include "ainka_events.h"
#include "external.h"
#include "fork_rate.h"
#include "hist.h"
#include "maps.h"
#include "signals.h"
#include "slide.h"

#define SLICES 10

static struct {
	s64 value;
	u64 time_ns;	/* 0: never */
} values[AINKA_BANK_MAX];

static u64 loaded_ns;

/* All of this is the fast worker's. */
static struct ainka_slide slide = { .slice_ns = 100 * NSEC_PER_MSEC, .slices = SLICES };
static struct ainka_sched_stats *slices;	/* sums over all CPUs, a ring */
static struct ainka_sched_stats *one_cpu;

static_assert(SLICES <= AINKA_SLIDE_MAX);

/**
 * ainka_signals_init() - allocate the windows
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_signals_init(void)
{
	slices = vzalloc((SLICES + 1) * sizeof(*slices));
	one_cpu = kmalloc(sizeof(*one_cpu), GFP_KERNEL);
	if (!slices || !one_cpu) {
		ainka_signals_exit();
		return -ENOMEM;
	}
	loaded_ns = ktime_get_ns();
	return 0;
}

/**
 * ainka_signals_exit() - free the windows
 */
void ainka_signals_exit(void)
{
	vfree(slices);
	kfree(one_cpu);
}

/**
 * ainka_signal_set() - give a signal of the system a value
 * @id: the signal, in bank 0
 * @value: its value
 * @now_ns: the present
 */
void ainka_signal_set(u16 id, s64 value, u64 now_ns)
{
	WRITE_ONCE(values[AINKA_SIG_INDEX(id)].value, value);
	/* who sees the time sees the value */
	smp_store_release(&values[AINKA_SIG_INDEX(id)].time_ns, now_ns);
}

/**
 * ainka_signal_forget() - its source is gone: a signal of the system is stale
 * @id: the signal, in bank 0
 */
void ainka_signal_forget(u16 id)
{
	WRITE_ONCE(values[AINKA_SIG_INDEX(id)].time_ns, 0);
}

/**
 * ainka_signal_get() - read a signal of the system
 * @id: the signal, in bank 0
 * @now_ns: the present
 * @value: gets the value
 * @age_ns: gets its age, U64_MAX if it never had a value
 *
 * Return: false if it is stale.
 */
bool ainka_signal_get(u16 id, u64 now_ns, s64 *value, u64 *age_ns)
{
	/* pairs with ainka_signal_set() */
	u64 time_ns = smp_load_acquire(&values[AINKA_SIG_INDEX(id)].time_ns);
	const struct ainka_signal_def *def = ainka_signal_by_id(id);

	*value = READ_ONCE(values[AINKA_SIG_INDEX(id)].value);
	*age_ns = !time_ns ? U64_MAX : now_ns > time_ns ? now_ns - time_ns : 0;
	return *age_ns <= READ_ONCE(def->max_age_ns);
}

static void fill(u16 index, u64 now_ns, s64 *val, u8 *fresh)
{
	u64 age_ns;

	fresh[index] = ainka_signal_get(AINKA_SIG(AINKA_SUBJECT_SYSTEM, index), now_ns,
					&val[index], &age_ns);
}

/**
 * ainka_signals_bank() - all signals of the system, for an evaluation
 * @now_ns: the present
 * @val: gets AINKA_BANK_MAX values
 * @fresh: gets 1 for each that is not stale
 */
void ainka_signals_bank(u64 now_ns, s64 *val, u8 *fresh)
{
	u32 n = ainka_external_count();
	u16 i;

	for (i = 0; i < AINKA_N_SYSTEM_SIGNALS; i++)
		fill(i, now_ns, val, fresh);
	for (i = AINKA_EXTERNAL_FIRST; i < AINKA_EXTERNAL_FIRST + n; i++)
		fill(i, now_ns, val, fresh);
}

static bool sum_cpus(u64 now_ns, struct ainka_sched_stats *sum)
{
	unsigned int i;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		if (!ainka_maps_sched_stats(cpu, one_cpu))
			return false;
		sum->switches += one_cpu->switches;
		sum->voluntary += one_cpu->voluntary;
		sum->busy_ns += one_cpu->busy_ns;
		/* who runs alone does not switch, and is counted only when it does */
		if (one_cpu->running && now_ns > one_cpu->last_ns)
			sum->busy_ns += now_ns - one_cpu->last_ns;
		sum->delay_ns += one_cpu->delay_ns;
		sum->delays += one_cpu->delays;
		sum->wake_delay_ns += one_cpu->wake_delay_ns;
		sum->wake_delays += one_cpu->wake_delays;
		sum->wakeups += one_cpu->wakeups;
		sum->migrations += one_cpu->migrations;
		for (i = 0; i < AINKA_HIST_BUCKETS; i++) {
			sum->delay_hist[i] += one_cpu->delay_hist[i];
			sum->wake_delay_hist[i] += one_cpu->wake_delay_hist[i];
		}
	}
	return true;
}

/* Delay signals of one distribution; without a sample in the window they grow stale. */
static void set_delays(const u32 *now, const u32 *then, u64 delay_ns, u64 n, u16 mean, u16 p50,
		       u16 p99, u64 now_ns)
{
	static u32 diff[AINKA_HIST_BUCKETS];	/* the fast worker's, too large for its stack */
	unsigned int i;

	if (!n)
		return;
	for (i = 0; i < AINKA_HIST_BUCKETS; i++)
		diff[i] = now[i] - then[i];
	ainka_signal_set(mean, div64_u64(delay_ns, n * NSEC_PER_USEC), now_ns);
	ainka_signal_set(p50, div_u64(ainka_hist_percentile(diff, AINKA_HIST_BUCKETS, 500),
				      NSEC_PER_USEC), now_ns);
	ainka_signal_set(p99, div_u64(ainka_hist_percentile(diff, AINKA_HIST_BUCKETS, 990),
				      NSEC_PER_USEC), now_ns);
}

/* What came from a to b, which is of the time t and ns later. */
static void set_window(const struct ainka_sched_stats *a, const struct ainka_sched_stats *b,
		       u64 t, u64 ns)
{
	u64 busy = b->busy_ns > a->busy_ns ? b->busy_ns - a->busy_ns : 0;
	u64 all_ns = ns * num_online_cpus();

	set_delays(b->delay_hist, a->delay_hist, b->delay_ns - a->delay_ns,
		   b->delays - a->delays, AINKA_SIG_SCHED_RUN_DELAY_MEAN_US,
		   AINKA_SIG_SCHED_RUN_DELAY_P50_US, AINKA_SIG_SCHED_RUN_DELAY_P99_US, t);
	set_delays(b->wake_delay_hist, a->wake_delay_hist, b->wake_delay_ns - a->wake_delay_ns,
		   b->wake_delays - a->wake_delays, AINKA_SIG_SCHED_WAKEUP_DELAY_MEAN_US,
		   AINKA_SIG_SCHED_WAKEUP_DELAY_P50_US, AINKA_SIG_SCHED_WAKEUP_DELAY_P99_US, t);
	ainka_signal_set(AINKA_SIG_SCHED_SWITCH_RATE_HZ,
			 div64_u64((b->switches - a->switches) * NSEC_PER_SEC, ns), t);
	ainka_signal_set(AINKA_SIG_SCHED_VOLUNTARY_SWITCH_RATE_HZ,
			 div64_u64((b->voluntary - a->voluntary) * NSEC_PER_SEC, ns), t);
	ainka_signal_set(AINKA_SIG_SCHED_WAKEUP_RATE_HZ,
			 div64_u64((b->wakeups - a->wakeups) * NSEC_PER_SEC, ns), t);
	ainka_signal_set(AINKA_SIG_SCHED_CPU_BUSY_PERMILLE,
			 min_t(u64, 1000, div64_u64(busy * 1000, all_ns)), t);
	ainka_signal_set(AINKA_SIG_SCHED_MIGRATION_RATE_HZ,
			 div64_u64((b->migrations - a->migrations) * NSEC_PER_SEC, ns), t);
	/* as many as wait at a time is what they waited together in that time */
	ainka_signal_set(AINKA_SIG_SCHED_RUNNABLE_MEAN_PERMILLE,
			 div64_u64((busy + b->delay_ns - a->delay_ns) * 1000, all_ns), t);
}

/**
 * ainka_signals_sample() - bring the signals up to date
 * @now_ns: the present
 *
 * Called by the fast worker at every tick; maps are read once a slice.
 */
void ainka_signals_sample(u64 now_ns)
{
	u32 next = ainka_slide_next(&slide), then;

	ainka_signal_set(AINKA_SIG_AINKA_UPTIME_MS,
			 div_u64(now_ns - loaded_ns, NSEC_PER_MSEC), now_ns);
	ainka_signal_set(AINKA_SIG_PROC_FORK_RATE_HZ, ainka_fork_rate(now_ns), now_ns);
	if (!ainka_slide_due(&slide, now_ns))
		return;
	if (!sum_cpus(now_ns, &slices[next])) {
		ainka_slide_reset(&slide);
		return;
	}
	ainka_slide_push(&slide, now_ns);
	if (ainka_slide_then(&slide, now_ns, &then))
		set_window(&slices[then], &slices[next], now_ns, now_ns - slide.time_ns[then]);
}
