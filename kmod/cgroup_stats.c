// SPDX-License-Identifier: GPL-2.0
/*
 * The cgroups of which something is known, and when they are looked at. A worker
 * of its own reads what they say of themselves, once a second (the number of
 * tasks four times, and fifty times while the machine forks as in a storm),
 * for the cgroups that are visited and for others that have processes, and only
 * while somebody wants to know. Nothing here is done in an evaluation, which
 * copies what the worker has left.
 */
#include <linux/bsearch.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "cgroup.h"
#include "cgroup_files.h"
#include "cgroup_stats.h"
#include "engine.h"
#include "fork_rate.h"

#define QUICK_NS	(250 * NSEC_PER_MSEC)
#define FULL_NS		NSEC_PER_SEC
/* So many forks a second are a storm, or might become one: look so often then. */
#define STORM_HZ	128
#define STORM_NS	(20 * NSEC_PER_MSEC)
/* How long to go on after somebody wanted to know. */
#define WANTED_NS	(10 * NSEC_PER_SEC)

static void sample(struct work_struct *work);
static DECLARE_DELAYED_WORK(sampler, sample);
static struct workqueue_struct *queue;
static u64 wanted_ns, full_ns, tasks_ns;

/* The worker fills next and swaps it in; both are sorted by id. */
static struct ainka_cgroup_files *known, *next;
static u32 n_known;
/* protects n_known, what known points to, and the numbers in it */
static DEFINE_SPINLOCK(stats_lock);

/* The worker's, too large for its stack. */
static u64 ids[AINKA_VISITED_CGROUPS];

static int by_id(const void *a, const void *b)
{
	const struct ainka_cgroup_files *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_number(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* under stats_lock, or in the worker */
static struct ainka_cgroup_files *find(u64 id)
{
	const struct ainka_cgroup_files key = { .id = id };

	return bsearch(&key, known, n_known, sizeof(*known), by_id);
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
		const struct ainka_cgroup_files *old = find(ids[i]);

		if (old)
			next[i] = *old;
		else
			memset(&next[i], 0, sizeof(next[i]));
		next[i].id = ids[i];
		ainka_cgroup_files_read(&next[i]);
	}
	spin_lock(&stats_lock);
	swap(known, next);
	n_known = n;
	spin_unlock(&stats_lock);
}

static void sample_tasks(void)
{
	const u16 index = AINKA_SIG_INDEX(AINKA_SIG_CGROUP_TASKS);
	s64 tasks;
	u32 i;

	for (i = 0; i < n_known; i++) {
		if (!ainka_cgroup_files_tasks(known[i].id, &tasks))
			continue;
		spin_lock(&stats_lock);
		known[i].val[index] = tasks;
		known[i].time_ns[index] = ktime_get_ns();
		spin_unlock(&stats_lock);
	}
}

static bool stormy(void)
{
	return ainka_fork_rate(ktime_get_mono_fast_ns()) >= STORM_HZ;
}

static void sample(struct work_struct *work)
{
	u64 now_ns = ktime_get_ns();
	bool storm = stormy();

	/* a little early is not too early: the timer has the granularity of a jiffy */
	if (now_ns - full_ns >= FULL_NS - QUICK_NS / 2) {
		sample_all();
		WRITE_ONCE(full_ns, now_ns);
	} else {
		sample_tasks();
	}
	WRITE_ONCE(tasks_ns, now_ns);
	if (storm)
		ainka_engine_walk_soon();
	if (ktime_get_ns() < READ_ONCE(wanted_ns))
		queue_delayed_work(queue, &sampler,
				   nsecs_to_jiffies(storm ? STORM_NS : QUICK_NS));
}

/**
 * ainka_cgroup_stats_forks() - the machine's rate of forks has changed
 * @hz: forks a second
 *
 * In a storm the number of tasks of a quarter of a second ago is no news.
 *
 * Context: the probe of forks, which must not sleep.
 */
void ainka_cgroup_stats_forks(u32 hz)
{
	u64 now_ns = ktime_get_mono_fast_ns();

	if (hz >= STORM_HZ && now_ns < READ_ONCE(wanted_ns) &&
	    now_ns - READ_ONCE(tasks_ns) >= STORM_NS)
		mod_delayed_work(queue, &sampler, 0);
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
	const struct ainka_cgroup_files *stats;
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
	/* before those it looks at, of which there may be thousands */
	queue = alloc_workqueue("ainka_cgroup", WQ_UNBOUND | WQ_HIGHPRI, 1);
	if (known && next && queue)
		return 0;
	ainka_cgroup_stats_exit();
	return -ENOMEM;
}

/**
 * ainka_cgroup_stats_rest() - look no more, until somebody wants to know
 *
 * When it returns nothing is under way. Context: may sleep.
 */
void ainka_cgroup_stats_rest(void)
{
	if (!queue)
		return;
	/* what is queued now runs for the last time */
	WRITE_ONCE(wanted_ns, 0);
	cancel_delayed_work_sync(&sampler);
}

/**
 * ainka_cgroup_stats_exit() - stop and free; nobody may want to know any more
 *
 * May be called again, as it is when something after it fails.
 */
void ainka_cgroup_stats_exit(void)
{
	ainka_cgroup_stats_rest();
	if (queue)
		destroy_workqueue(queue);
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
	return 2 * AINKA_VISITED_CGROUPS * sizeof(struct ainka_cgroup_files);
}
