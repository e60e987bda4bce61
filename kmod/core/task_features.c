// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "ainka_core.h"
#include "../../ebpf/ainka_events.h"

#define NS_PER_US	1000ULL
#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL
/* Less than this says nothing about a task yet. */
#define ELAPSED_MIN_NS	(100 * NS_PER_MS)

/* A record may be torn: whatever is in it, sums saturate and nothing divides by 0. */
static u64 add(u64 a, u64 b)
{
	u64 sum;

	return __builtin_add_overflow(a, b, &sum) ? ~0ULL : sum;
}

static u64 larger(u64 a, u64 b)
{
	return a > b ? a : b;
}

static u64 since(u64 then_ns, u64 now_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static s64 mean_us(u64 sum_ns, u64 n)
{
	return n ? (s64)(sum_ns / n / NS_PER_US) : 0;
}

static s64 rate_hz(u64 n, u64 elapsed_ns)
{
	return n * NS_PER_S / elapsed_ns;
}

static void combine(struct ainka_task_win *sum, u64 *runs, const struct ainka_task_rec *rec)
{
	sum->run_ns = add(rec->last.run_ns, rec->cur.run_ns);
	sum->delay_ns = add(rec->last.delay_ns, rec->cur.delay_ns);
	sum->delay_max_ns = larger(rec->last.delay_max_ns, rec->cur.delay_max_ns);
	sum->wake_delay_ns = add(rec->last.wake_delay_ns, rec->cur.wake_delay_ns);
	*runs = (u64)rec->last.runs + rec->cur.runs;
}

/*
 * From the beginning of the last window to that of this one, unless the task has
 * not been switched for longer than that: what did not run did not grow either.
 */
static bool rss_growth(const struct ainka_task_rec *rec, u64 elapsed_ns, s64 *growth)
{
	u64 ms = since(rec->last.start_ns, rec->cur.start_ns) / NS_PER_MS;
	s64 pages = (s64)rec->cur.rss_pages - rec->last.rss_pages;

	if (!rec->last.start_ns || !ms || rec->last.rss_pages == AINKA_RSS_UNKNOWN ||
	    rec->cur.rss_pages == AINKA_RSS_UNKNOWN)
		return false;
	if (elapsed_ns / NS_PER_MS > 2 * ms)
		ms = elapsed_ns / NS_PER_MS;
	/* 2^32 pages in a second are less than 2^60 */
	*growth = pages * (s64)AINKA_PAGE_BYTES * 1000 / (s64)ms;
	return true;
}

static void set(s64 *val, u8 *fresh, u16 id, s64 v)
{
	val[AINKA_SIG_INDEX(id)] = v;
	fresh[AINKA_SIG_INDEX(id)] = 1;
}

/**
 * ainka_task_features - the signals of one task
 * @rec: copy of its record
 * @now_ns: CLOCK_MONOTONIC
 * @val: out, AINKA_N_TASK_SIGNALS values, 0 where not fresh
 * @fresh: out, AINKA_N_TASK_SIGNALS flags; all 0 for a record that is empty, torn
 *         or that has not covered 100 ms yet
 *
 * The last closed window and the current one are taken together, so that there
 * is always half a second behind the figures.
 */
void ainka_task_features(const struct ainka_task_rec *rec, u64 now_ns, s64 *val, u8 *fresh)
{
	u64 elapsed, running, runs, wakes, ran, share;
	struct ainka_task_win sum = { 0 };
	s64 growth;

	memset(val, 0, AINKA_N_TASK_SIGNALS * sizeof(*val));
	memset(fresh, 0, AINKA_N_TASK_SIGNALS);
	elapsed = since(rec->last.start_ns ? rec->last.start_ns : rec->cur.start_ns, now_ns);
	if (rec->seq & 1 || !rec->pid || !rec->cur.start_ns || elapsed < ELAPSED_MIN_NS)
		return;
	combine(&sum, &runs, rec);
	wakes = (u64)rec->last.wakes + rec->cur.wakes;

	/* A run counts when it ends; the time of one that goes on counts all the same. */
	running = rec->on_cpu_ns ? since(rec->on_cpu_ns, now_ns) : 0;
	ran = add(sum.run_ns, running);
	if (ran > elapsed)
		ran = elapsed;

	set(val, fresh, AINKA_SIG_TASK_PID, rec->pid);
	/* Dividing first cannot overflow and costs at most 0.001 %. */
	share = ran / (elapsed / 1000);
	set(val, fresh, AINKA_SIG_TASK_CPU_SHARE_PERMILLE, share < 1000 ? share : 1000);
	set(val, fresh, AINKA_SIG_TASK_RUN_DELAY_MEAN_US, mean_us(sum.delay_ns, runs));
	set(val, fresh, AINKA_SIG_TASK_RUN_DELAY_MAX_US, sum.delay_max_ns / NS_PER_US);
	set(val, fresh, AINKA_SIG_TASK_WAKEUP_DELAY_MEAN_US, mean_us(sum.wake_delay_ns, wakes));
	set(val, fresh, AINKA_SIG_TASK_WAKEUP_RATE_HZ, rate_hz(wakes, elapsed));
	set(val, fresh, AINKA_SIG_TASK_VOLUNTARY_SWITCH_RATE_HZ,
	    rate_hz((u64)rec->last.voluntary + rec->cur.voluntary, elapsed));
	set(val, fresh, AINKA_SIG_TASK_INVOLUNTARY_SWITCH_RATE_HZ,
	    rate_hz((u64)rec->last.involuntary + rec->cur.involuntary, elapsed));
	set(val, fresh, AINKA_SIG_TASK_BURST_MEAN_US, mean_us(ran, runs + !!running));
	set(val, fresh, AINKA_SIG_TASK_AGE_MS, since(rec->start_ns, now_ns) / NS_PER_MS);
	set(val, fresh, AINKA_SIG_TASK_MIGRATION_RATE_HZ,
	    rate_hz((u64)rec->last.migrations + rec->cur.migrations, elapsed));
	if (rss_growth(rec, elapsed, &growth))
		set(val, fresh, AINKA_SIG_TASK_RSS_GROWTH_BYTES, growth);
}

/**
 * ainka_task_features_batch - the signals of many tasks
 * @recs: copies of their records
 * @n: how many
 * @now_ns: CLOCK_MONOTONIC
 * @val: out, @n rows of AINKA_N_TASK_SIGNALS values
 * @fresh: out, @n rows of AINKA_N_TASK_SIGNALS flags
 */
void ainka_task_features_batch(const struct ainka_task_rec *recs, u32 n, u64 now_ns,
			       s64 *val, u8 *fresh)
{
	u32 i;

	for (i = 0; i < n; i++) {
		u64 row = (u64)i * AINKA_N_TASK_SIGNALS;

		ainka_task_features(&recs[i], now_ns, val + row, fresh + row);
	}
}
