// SPDX-License-Identifier: GPL-2.0
/*
 * What cgroups say of themselves in their files: number of tasks, memory,
 * pressure. A worker of its own reads them, once a second (the number of tasks
 * four times), for the cgroups that are visited and for others that have
 * processes, and only while somebody wants to know. Nothing here is done in an
 * evaluation, which copies what the worker has left.
 */
#include <linux/bsearch.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "ainka_events.h"
#include "cgroup.h"
#include "cgroup_stats.h"
#include "maps.h"
#include "psi.h"

#define QUICK_NS	(250 * NSEC_PER_MSEC)
#define FULL_NS		NSEC_PER_SEC
/* How long to go on after somebody wanted to know. */
#define WANTED_NS	(10 * NSEC_PER_SEC)

#define TEXT_LEN	512

/* The pressure files; of each the lines some and full. */
static const struct source {
	const char *file;
	u16 some;
	u16 full;
} sources[] = {
	{ "cpu.pressure", AINKA_SIG_CGROUP_PSI_CPU_SOME_PERMILLE,
	  AINKA_SIG_CGROUP_PSI_CPU_FULL_PERMILLE },
	{ "memory.pressure", AINKA_SIG_CGROUP_PSI_MEMORY_SOME_PERMILLE,
	  AINKA_SIG_CGROUP_PSI_MEMORY_FULL_PERMILLE },
	{ "io.pressure", AINKA_SIG_CGROUP_PSI_IO_SOME_PERMILLE,
	  AINKA_SIG_CGROUP_PSI_IO_FULL_PERMILLE },
};

/**
 * struct stats - what is known of one cgroup
 * @id: which one
 * @val: by index of the signal
 * @time_ns: when each was read, 0 for never
 * @psi: totals of the pressure files when they were read last
 * @seq: of the BPF record when it was read last, 0 for not yet
 * @delay_ns: its sum of run delays then
 * @delays: how many these were
 * @delay_hist: their distribution
 */
struct stats {
	u64 id;
	s64 val[AINKA_N_CGROUP_SIGNALS];
	u64 time_ns[AINKA_N_CGROUP_SIGNALS];
	struct {
		u64 time_ns;
		u64 some_us;
		u64 full_us;
	} psi[ARRAY_SIZE(sources)];
	u64 seq;
	u64 delay_ns;
	u64 delays;
	u32 delay_hist[AINKA_CGROUP_BUCKETS];
};

static void sample(struct work_struct *work);
static DECLARE_DELAYED_WORK(sampler, sample);
static struct workqueue_struct *queue;
static u64 wanted_ns, full_ns;

/* The worker fills next and swaps it in; both are sorted by id. */
static struct stats *known, *next;
static u32 n_known;
/* protects n_known, what known points to, and the numbers in it */
static DEFINE_SPINLOCK(stats_lock);

/* The worker's, too large for its stack. */
static u64 ids[AINKA_VISITED_CGROUPS];
static char text[TEXT_LEN];
static struct ainka_cgroup_rec rec;
static u32 diff[AINKA_CGROUP_BUCKETS];

static int by_id(const void *a, const void *b)
{
	const struct stats *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_number(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* under stats_lock, or in the worker */
static struct stats *find(u64 id)
{
	const struct stats key = { .id = id };

	return bsearch(&key, known, n_known, sizeof(*known), by_id);
}

static void set(struct stats *stats, u16 signal, s64 value, u64 now_ns)
{
	stats->val[AINKA_SIG_INDEX(signal)] = value;
	stats->time_ns[AINKA_SIG_INDEX(signal)] = now_ns;
}

static void read_number(struct stats *stats, struct cgroup *cgrp, const char *file, u16 signal)
{
	s64 value;

	if (!ainka_cgroup_read(cgrp, file, text, sizeof(text)) &&
	    !kstrtos64(strim(text), 10, &value))
		set(stats, signal, value, ktime_get_ns());
}

static void read_oom(struct stats *stats, struct cgroup *cgrp)
{
	const char *line;
	s64 value;

	if (ainka_cgroup_read(cgrp, "memory.events", text, sizeof(text)))
		return;
	line = strstr(text, "oom_kill ");
	if (line && sscanf(line, "oom_kill %lld", &value) == 1)
		set(stats, AINKA_SIG_CGROUP_OOM_KILLS, value, ktime_get_ns());
}

static void read_psi(struct stats *stats, struct cgroup *cgrp, unsigned int i)
{
	u64 some_us, full_us, now_ns, then_ns = stats->psi[i].time_ns;

	stats->psi[i].time_ns = 0;
	if (ainka_cgroup_read(cgrp, sources[i].file, text, sizeof(text)) ||
	    ainka_psi_total(text, "some", &some_us) || ainka_psi_total(text, "full", &full_us))
		return;
	now_ns = ktime_get_ns();
	if (then_ns && now_ns > then_ns) {
		u64 ns = now_ns - then_ns;

		set(stats, sources[i].some,
		    ainka_psi_permille(some_us, stats->psi[i].some_us, ns), now_ns);
		set(stats, sources[i].full,
		    ainka_psi_permille(full_us, stats->psi[i].full_us, ns), now_ns);
	}
	stats->psi[i].some_us = some_us;
	stats->psi[i].full_us = full_us;
	stats->psi[i].time_ns = now_ns;
}

/* Without a run in between there is no delay to tell of, and the signals grow stale. */
static void set_delays(struct stats *stats)
{
	u64 n = rec.delays - stats->delays, now_ns = ktime_get_ns();
	unsigned int i;

	if (stats->seq != rec.seq || !n)
		return;
	for (i = 0; i < AINKA_CGROUP_BUCKETS; i++)
		diff[i] = rec.delay_hist[i] - stats->delay_hist[i];
	set(stats, AINKA_SIG_CGROUP_RUN_DELAY_MEAN_US,
	    div64_u64(rec.delay_ns - stats->delay_ns, n * NSEC_PER_USEC), now_ns);
	set(stats, AINKA_SIG_CGROUP_RUN_DELAY_P99_US,
	    div_u64(ainka_hist_percentile_wide(diff, AINKA_CGROUP_BUCKETS, 990),
		    NSEC_PER_USEC), now_ns);
}

static void read_record(struct stats *stats)
{
	if (!ainka_maps_cgroup(stats->id, &rec))
		return;
	set_delays(stats);
	stats->seq = rec.seq;
	stats->delay_ns = rec.delay_ns;
	stats->delays = rec.delays;
	memcpy(stats->delay_hist, rec.delay_hist, sizeof(stats->delay_hist));
}

static void read_files(struct stats *stats)
{
	struct ainka_target target = { };
	unsigned int i;

	if (!ainka_cgroup_get(stats->id, &target))
		return;
	read_number(stats, target.cgroup, "pids.current", AINKA_SIG_CGROUP_TASKS);
	read_number(stats, target.cgroup, "memory.current",
		    AINKA_SIG_CGROUP_MEMORY_CURRENT_BYTES);
	read_oom(stats, target.cgroup);
	for (i = 0; i < ARRAY_SIZE(sources); i++)
		read_psi(stats, target.cgroup, i);
	cgroup_put(target.cgroup);
}

/* Those visited come first: a policy may be on for them. */
static u32 choose(void)
{
	static struct ainka_snap snap;	/* the worker's */
	u64 time_ns;
	u32 n = 0, i;

	while (n < ARRAY_SIZE(ids) &&
	       ainka_subjects_copy(AINKA_SUBJECT_CGROUP, n, &snap, &time_ns))
		ids[n++] = snap.key.id;
	n += ainka_cgroup_list(ids + n, ARRAY_SIZE(ids) - n);
	sort(ids, n, sizeof(ids[0]), by_number, NULL);
	for (i = 1; i < n; )
		if (ids[i] == ids[i - 1])
			memmove(&ids[i], &ids[i + 1], (--n - i) * sizeof(ids[0]));
		else
			i++;
	return n;
}

static void sample_all(void)
{
	u32 n = choose(), i;

	for (i = 0; i < n; i++) {
		const struct stats *old = find(ids[i]);

		if (old)
			next[i] = *old;
		else
			memset(&next[i], 0, sizeof(next[i]));
		next[i].id = ids[i];
		read_files(&next[i]);
		read_record(&next[i]);
	}
	spin_lock(&stats_lock);
	swap(known, next);
	n_known = n;
	spin_unlock(&stats_lock);
}

static void sample_tasks(void)
{
	struct ainka_target target;
	struct stats one;
	u32 i;

	for (i = 0; i < n_known; i++) {
		one.id = known[i].id;
		one.time_ns[AINKA_SIG_INDEX(AINKA_SIG_CGROUP_TASKS)] = 0;
		if (!ainka_cgroup_get(one.id, &target))
			continue;
		read_number(&one, target.cgroup, "pids.current", AINKA_SIG_CGROUP_TASKS);
		cgroup_put(target.cgroup);
		if (!one.time_ns[AINKA_SIG_INDEX(AINKA_SIG_CGROUP_TASKS)])
			continue;
		spin_lock(&stats_lock);
		set(&known[i], AINKA_SIG_CGROUP_TASKS,
		    one.val[AINKA_SIG_INDEX(AINKA_SIG_CGROUP_TASKS)], ktime_get_ns());
		spin_unlock(&stats_lock);
	}
}

static void sample(struct work_struct *work)
{
	u64 now_ns = ktime_get_ns();

	/* a little early is not too early: the timer has the granularity of a jiffy */
	if (now_ns - full_ns >= FULL_NS - QUICK_NS / 2) {
		sample_all();
		WRITE_ONCE(full_ns, now_ns);
	} else {
		sample_tasks();
	}
	if (ktime_get_ns() < READ_ONCE(wanted_ns))
		queue_delayed_work(queue, &sampler, nsecs_to_jiffies(QUICK_NS));
}

/**
 * ainka_cgroup_stats_want() - somebody wants to know: read on for a while
 * @now_ns: the present
 *
 * Context: any.
 */
void ainka_cgroup_stats_want(u64 now_ns)
{
	WRITE_ONCE(wanted_ns, now_ns + WANTED_NS);
	if (!work_busy(&sampler.work))
		queue_delayed_work(queue, &sampler, 0);
}

/**
 * ainka_cgroup_stats_now() - somebody wants to know now
 *
 * Context: may sleep. Shares of time have values from the second time on.
 */
void ainka_cgroup_stats_now(void)
{
	u64 now_ns = ktime_get_ns();

	ainka_cgroup_stats_want(now_ns);
	if (now_ns - READ_ONCE(full_ns) >= FULL_NS)
		flush_delayed_work(&sampler);
}

/**
 * ainka_cgroup_stats_id() - walk the cgroups that something is known of
 * @index: from 0
 *
 * Return: its id, or 0 behind the last one.
 */
u64 ainka_cgroup_stats_id(u32 index)
{
	u64 id;

	spin_lock(&stats_lock);
	id = index < n_known ? known[index].id : 0;
	spin_unlock(&stats_lock);
	return id;
}

/**
 * ainka_cgroup_stats_fill() - what the files of a cgroup said
 * @id: which one
 * @now_ns: the present
 * @snap: gets the signals that are not too old
 *
 * Return: false if nothing is known of it.
 */
bool ainka_cgroup_stats_fill(u64 id, u64 now_ns, struct ainka_snap *snap)
{
	const struct stats *stats;
	u32 i;

	spin_lock(&stats_lock);
	stats = find(id);
	for (i = 0; stats && i < AINKA_N_CGROUP_SIGNALS; i++) {
		u64 time_ns = stats->time_ns[i];
		u16 signal = AINKA_SIG(AINKA_SUBJECT_CGROUP, i);

		if (!time_ns || now_ns > time_ns + ainka_signal_by_id(signal)->max_age_ns)
			continue;
		snap->val[i] = stats->val[i];
		snap->fresh[i] = 1;
	}
	spin_unlock(&stats_lock);
	return stats;
}

/**
 * ainka_cgroup_stats_init() - allocate room
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_cgroup_stats_init(void)
{
	known = kvcalloc(AINKA_VISITED_CGROUPS, sizeof(*known), GFP_KERNEL);
	next = kvcalloc(AINKA_VISITED_CGROUPS, sizeof(*next), GFP_KERNEL);
	queue = alloc_workqueue("ainka_cgroup", WQ_UNBOUND, 1);
	if (known && next && queue)
		return 0;
	ainka_cgroup_stats_exit();
	return -ENOMEM;
}

/**
 * ainka_cgroup_stats_exit() - stop and free; nobody may want to know any more
 *
 * May be called again, as it is when something after it fails.
 */
void ainka_cgroup_stats_exit(void)
{
	if (queue) {
		/* what is queued now runs for the last time */
		WRITE_ONCE(wanted_ns, 0);
		cancel_delayed_work_sync(&sampler);
		destroy_workqueue(queue);
	}
	kvfree(known);
	kvfree(next);
	queue = NULL;
	known = NULL;
	next = NULL;
}

/**
 * ainka_cgroup_stats_bytes() - what ainka_cgroup_stats_init() has allocated
 *
 * Return: bytes.
 */
u64 ainka_cgroup_stats_bytes(void)
{
	return 2 * AINKA_VISITED_CGROUPS * sizeof(struct stats);
}
