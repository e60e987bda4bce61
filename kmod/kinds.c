// SPDX-License-Identifier: GPL-2.0
/*
 * The kinds of subjects: how those there are get found, and their signals.
 */
#include <linux/string.h>

#include "ainka_events.h"
#include "cgroup.h"
#include "cgroup_runs.h"
#include "cgroup_stats.h"
#include "devices.h"
#include "kinds.h"
#include "maps.h"

/* ---- tasks ---- */

static void task_snap(const struct ainka_task_rec *rec, u64 now_ns, struct ainka_snap *snap)
{
	snap->key.num = rec->pid;
	snap->key.id = rec->start_ns;
	ainka_task_features(rec, now_ns, snap->val, snap->fresh);
}

static bool visit_task(const struct ainka_task_rec *rec, void *arg)
{
	struct ainka_walk *walk = arg;

	/* kernel threads cannot be changed, so a place would be wasted on them */
	if (rec->flags & AINKA_TASK_KTHREAD)
		return true;
	task_snap(rec, walk->now_ns, walk->snap);
	walk->consider(walk);
	return true;
}

static void walk_tasks(struct ainka_walk *walk)
{
	ainka_maps_walk_tasks(visit_task, walk);
}

static bool look_task(const struct ainka_key *key, u64 now_ns, struct ainka_snap *snap)
{
	static struct ainka_task_rec rec;	/* the fast worker's, too large for its stack */

	if (!ainka_maps_task(key->num, &rec) || rec.start_ns != key->id)
		return false;
	task_snap(&rec, now_ns, snap);
	return true;
}

static void supply(struct ainka_snap *snap, u16 id, s64 value)
{
	if (snap->fresh[AINKA_SIG_INDEX(id)])
		return;
	snap->val[AINKA_SIG_INDEX(id)] = value;
	snap->fresh[AINKA_SIG_INDEX(id)] = 1;
}

/**
 * ainka_kind_task() - put a task into a snap, also one without a record
 * @key: which one
 * @now_ns: the present
 * @snap: gets it; what nothing is known of is not fresh
 *
 * Context: the fast worker.
 */
void ainka_kind_task(const struct ainka_key *key, u64 now_ns, struct ainka_snap *snap)
{
	if (!look_task(key, now_ns, snap)) {
		memset(snap, 0, sizeof(*snap));
		snap->key = *key;
	}
	supply(snap, AINKA_SIG_TASK_PID, key->num);
	supply(snap, AINKA_SIG_TASK_AGE_MS,
	       now_ns > key->id ? div_u64(now_ns - key->id, NSEC_PER_MSEC) : 0);
}

/* ---- disks ---- */

static void walk_devices(struct ainka_walk *walk)
{
	u32 i;

	ainka_devices_sample(walk->now_ns);
	for (i = 0; ainka_devices_at(i, walk->snap); i++)
		if (walk->snap->key.num)
			walk->consider(walk);
}

static bool look_device(const struct ainka_key *key, u64 now_ns, struct ainka_snap *snap)
{
	u32 i;

	for (i = 0; ainka_devices_at(i, snap); i++)
		if (ainka_key_same(&snap->key, key))
			return true;
	return false;
}

/* ---- cgroups ---- */

/* Work out the signals of a cgroup in a snap; false if nothing is known of it. */
static bool cgroup_snap(u64 id, u64 now_ns, struct ainka_snap *snap)
{
	const u32 share = AINKA_SIG_INDEX(AINKA_SIG_CGROUP_CPU_SHARE_PERMILLE);
	bool known;

	memset(snap, 0, sizeof(*snap));
	snap->key.num = AINKA_CGROUP_NUM;
	snap->key.id = id;
	snap->val[AINKA_SIG_INDEX(AINKA_SIG_CGROUP_ID)] = id;
	snap->fresh[AINKA_SIG_INDEX(AINKA_SIG_CGROUP_ID)] = 1;
	known = ainka_cgroup_stats_fill(id, now_ns, snap);
	snap->fresh[share] = ainka_cgroup_runs_share(id, now_ns, &snap->val[share]);
	return known || snap->fresh[share];
}

/* Those that have run, and those that have not but whose files are read. */
static void walk_cgroups(struct ainka_walk *walk)
{
	s64 share;
	u64 id;
	u32 i;

	ainka_cgroup_runs_sample(walk->now_ns);
	for (i = 0; (id = ainka_cgroup_runs_id(i)); i++)
		if (cgroup_snap(id, walk->now_ns, walk->snap))
			walk->consider(walk);
	for (i = 0; (id = ainka_cgroup_stats_id(i)); i++)
		if (!ainka_cgroup_runs_share(id, walk->now_ns, &share) &&
		    cgroup_snap(id, walk->now_ns, walk->snap))
			walk->consider(walk);
}

static bool look_cgroup(const struct ainka_key *key, u64 now_ns, struct ainka_snap *snap)
{
	return cgroup_snap(key->id, now_ns, snap);
}

/* by enum ainka_subject; those without a walk have no subjects yet */
const struct ainka_subject_kind ainka_kinds[AINKA_KINDS] = {
	[AINKA_SUBJECT_TASK] = {
		.top = AINKA_TOP_TASKS,
		.room = AINKA_VISITED_TASKS,
		.rank = AINKA_SIG_INDEX(AINKA_SIG_TASK_CPU_SHARE_PERMILLE),
		.walk = walk_tasks,
		.look = look_task,
	},
	[AINKA_SUBJECT_CGROUP] = {
		.top = AINKA_TOP_CGROUPS,
		.room = AINKA_VISITED_CGROUPS,
		.rank = AINKA_SIG_INDEX(AINKA_SIG_CGROUP_CPU_SHARE_PERMILLE),
		.walk = walk_cgroups,
		.look = look_cgroup,
		.want = ainka_cgroup_stats_want,
		.show = ainka_cgroup_stats_now,
	},
	[AINKA_SUBJECT_DEVICE] = {
		.top = AINKA_DEVICES,
		.room = AINKA_DEVICES,
		.rank = AINKA_SIG_INDEX(AINKA_SIG_DEV_IO_RATE_HZ),
		.walk = walk_devices,
		.look = look_device,
	},
};
