// SPDX-License-Identifier: GPL-2.0
/*
 * CPU shares of the cgroups, from what the BPF programs count: the growth of each
 * one's sum over a window of 0.5 to 1 s. All of it is the fast worker's.
 */
#include <linux/bsearch.h>
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "ainka_events.h"
#include "cgroup_runs.h"
#include "maps.h"

#define HALF_NS		(500 * NSEC_PER_MSEC)
/* A shorter window says nothing yet. */
#define ELAPSED_MIN_NS	(100 * NSEC_PER_MSEC)

/**
 * struct runs - one cgroup
 * @id: which one
 * @seq: which use of its record
 * @run_ns: CPU time until the last sample, of the run that goes on too
 * @older_ns: where the window begins
 * @older_run_ns: @run_ns at that time
 * @newer_ns: where the next window begins
 * @newer_run_ns: @run_ns at that time
 */
struct runs {
	u64 id;
	u64 seq;
	u64 run_ns;
	u64 older_ns;
	u64 older_run_ns;
	u64 newer_ns;
	u64 newer_run_ns;
};

/* Sorted by id; a sample fills next. */
static struct runs *known, *next;
static u32 n_known, n_next;

static int by_id(const void *a, const void *b)
{
	const struct runs *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct runs *find(struct runs *table, u32 n, u64 id)
{
	const struct runs key = { .id = id };

	return bsearch(&key, table, n, sizeof(*table), by_id);
}

static void visit(const struct ainka_cgroup_rec *rec, void *arg)
{
	struct runs *runs = &next[n_next++];

	memset(runs, 0, sizeof(*runs));
	runs->id = rec->id;
	runs->seq = rec->seq;
	runs->run_ns = rec->run_ns;
}

/* A run counts when it ends; the time of one that goes on counts all the same. */
static void add_running(u64 now_ns)
{
	u64 id, since_ns;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct runs *runs;

		if (!ainka_maps_running(cpu, &id, &since_ns))
			continue;
		runs = find(next, n_next, id);
		if (runs && now_ns > since_ns)
			runs->run_ns += now_ns - since_ns;
	}
}

static void move_window(struct runs *runs, u64 now_ns)
{
	const struct runs *old = find(known, n_known, runs->id);

	if (!old || old->seq != runs->seq) {
		runs->older_ns = now_ns;
		runs->newer_ns = now_ns;
		runs->older_run_ns = runs->run_ns;
		runs->newer_run_ns = runs->run_ns;
		return;
	}
	runs->older_ns = old->older_ns;
	runs->newer_ns = old->newer_ns;
	runs->older_run_ns = old->older_run_ns;
	runs->newer_run_ns = old->newer_run_ns;
	/* a run that has just ended may have been counted twice for a moment */
	runs->run_ns = max(runs->run_ns, old->run_ns);
	if (now_ns - runs->newer_ns < HALF_NS)
		return;
	runs->older_ns = runs->newer_ns;
	runs->older_run_ns = runs->newer_run_ns;
	runs->newer_ns = now_ns;
	runs->newer_run_ns = runs->run_ns;
}

/**
 * ainka_cgroup_runs_sample() - look at what has been counted
 * @now_ns: the present
 */
void ainka_cgroup_runs_sample(u64 now_ns)
{
	u32 i;

	n_next = 0;
	ainka_maps_walk_cgroups(visit, NULL);
	sort(next, n_next, sizeof(*next), by_id, NULL);
	add_running(now_ns);
	for (i = 0; i < n_next; i++)
		move_window(&next[i], now_ns);
	swap(known, next);
	n_known = n_next;
}

/**
 * ainka_cgroup_runs_id() - walk the cgroups that have run
 * @index: from 0
 *
 * Return: its id, or 0 behind the last one.
 */
u64 ainka_cgroup_runs_id(u32 index)
{
	return index < n_known ? known[index].id : 0;
}

/**
 * ainka_cgroup_runs_share() - how much CPU time a cgroup got
 * @id: which one
 * @now_ns: time of the last sample
 * @permille: gets its share, thousandths of one CPU
 *
 * Return: false if that is not known.
 */
bool ainka_cgroup_runs_share(u64 id, u64 now_ns, s64 *permille)
{
	const struct runs *runs = find(known, n_known, id);

	if (!runs || now_ns - runs->older_ns < ELAPSED_MIN_NS)
		return false;
	*permille = div64_u64((runs->run_ns - runs->older_run_ns) * 1000,
			      now_ns - runs->older_ns);
	return true;
}

/**
 * ainka_cgroup_runs_init() - allocate room
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_cgroup_runs_init(void)
{
	known = kvcalloc(AINKA_CGROUPS_MAX, sizeof(*known), GFP_KERNEL);
	next = kvcalloc(AINKA_CGROUPS_MAX, sizeof(*next), GFP_KERNEL);
	if (known && next)
		return 0;
	ainka_cgroup_runs_exit();
	return -ENOMEM;
}

/**
 * ainka_cgroup_runs_exit() - free it
 */
void ainka_cgroup_runs_exit(void)
{
	kvfree(known);
	kvfree(next);
	known = NULL;
	next = NULL;
}

/**
 * ainka_cgroup_runs_bytes() - what ainka_cgroup_runs_init() has allocated
 *
 * Return: bytes.
 */
u64 ainka_cgroup_runs_bytes(void)
{
	return 2 * AINKA_CGROUPS_MAX * sizeof(struct runs);
}
