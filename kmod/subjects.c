// SPDX-License-Identifier: GPL-2.0
/*
 * The tasks a round looks at: those with the largest CPU share, and those that
 * some policy is on for, wherever they rank.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "ainka_events.h"
#include "maps.h"
#include "subjects.h"

/*
 * A walk fills the buffer that nobody sees and swaps it in. The fast worker,
 * which alone writes, reads what is visited without the lock.
 */
static DEFINE_SPINLOCK(visited_lock);	/* protects swapping and appending */
static struct ainka_task_snap *visited, *building;
static u32 n_visited, n_building;
static u64 walked_ns;

/* Room to work out the features of a record before it is known to be kept. */
static struct ainka_task_snap scratch;
static struct ainka_task_rec record;

/**
 * ainka_subjects_init() - allocate room for the tasks that are visited
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_subjects_init(void)
{
	visited = kvcalloc(AINKA_VISITED_TASKS, sizeof(*visited), GFP_KERNEL);
	building = kvcalloc(AINKA_VISITED_TASKS, sizeof(*building), GFP_KERNEL);
	if (visited && building)
		return 0;
	ainka_subjects_exit();
	return -ENOMEM;
}

/**
 * ainka_subjects_exit() - free it
 */
void ainka_subjects_exit(void)
{
	kvfree(visited);
	kvfree(building);
}

static void features(const struct ainka_task_rec *rec, u64 now_ns, struct ainka_task_snap *snap)
{
	snap->pid = rec->pid;
	snap->start_ns = rec->start_ns;
	ainka_task_features(rec, now_ns, snap->val, snap->fresh);
}

static s64 rank(const struct ainka_task_snap *snap)
{
	u16 share = AINKA_SIG_INDEX(AINKA_SIG_TASK_CPU_SHARE_PERMILLE);

	return snap->fresh[share] ? snap->val[share] : -1;
}

/* Keep the top tasks in a heap whose root is the least of them. */
static void sift_down(u32 at, u32 n)
{
	for (;;) {
		u32 least = at, child;

		for (child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
			if (rank(&building[child]) < rank(&building[least]))
				least = child;
		if (least == at)
			return;
		swap(building[at], building[least]);
		at = least;
	}
}

static void sift_up(u32 at)
{
	while (at && rank(&building[at]) < rank(&building[(at - 1) / 2])) {
		swap(building[at], building[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

static bool consider(const struct ainka_task_rec *rec, void *arg)
{
	/* kernel threads cannot be changed, so a place would be wasted on them */
	if (rec->flags & AINKA_TASK_KTHREAD)
		return true;
	features(rec, *(u64 *)arg, &scratch);
	if (n_building < AINKA_TOP_TASKS) {
		building[n_building] = scratch;
		sift_up(n_building++);
	} else if (rank(&scratch) > rank(&building[0])) {
		building[0] = scratch;
		sift_down(0, n_building);
	}
	return true;
}

/**
 * ainka_subjects_walk() - look at all tasks, keep the top of them
 * @now_ns: the present
 *
 * Context: the fast worker.
 */
void ainka_subjects_walk(u64 now_ns)
{
	n_building = 0;
	ainka_maps_walk_tasks(consider, &now_ns);
	spin_lock(&visited_lock);
	swap(visited, building);
	n_visited = n_building;
	walked_ns = now_ns;
	spin_unlock(&visited_lock);
}

/**
 * ainka_subjects_find() - a task among those visited
 * @pid: the task
 * @start_ns: its identity
 *
 * Context: the fast worker.
 *
 * Return: what the walk saw of it, or NULL.
 */
const struct ainka_task_snap *ainka_subjects_find(u32 pid, u64 start_ns)
{
	u32 i;

	for (i = 0; i < n_visited; i++)
		if (visited[i].pid == pid && visited[i].start_ns == start_ns)
			return &visited[i];
	return NULL;
}

/**
 * ainka_subjects_also() - visit a task that a policy is on for, whatever its rank
 * @pid: the task
 * @start_ns: its identity
 * @now_ns: the present
 *
 * Context: the fast worker, after ainka_subjects_walk().
 */
void ainka_subjects_also(u32 pid, u64 start_ns, u64 now_ns)
{
	if (n_visited == AINKA_VISITED_TASKS || ainka_subjects_find(pid, start_ns))
		return;
	if (!ainka_maps_task(pid, &record) || record.start_ns != start_ns)
		return;
	spin_lock(&visited_lock);
	features(&record, now_ns, &visited[n_visited++]);
	spin_unlock(&visited_lock);
}

/**
 * ainka_subjects_count() - how many tasks the last walk visited
 *
 * Return: their number.
 */
u32 ainka_subjects_count(void)
{
	return n_visited;
}

/**
 * ainka_subjects_at() - one of the tasks visited
 * @index: from 0
 *
 * Context: the fast worker.
 *
 * Return: the task.
 */
const struct ainka_task_snap *ainka_subjects_at(u32 index)
{
	return &visited[index];
}

/**
 * ainka_subjects_copy() - one of the tasks visited, for a dump
 * @index: from 0
 * @out: gets a copy
 * @time_ns: gets the time of the walk
 *
 * Return: false behind the last one.
 */
bool ainka_subjects_copy(u32 index, struct ainka_task_snap *out, u64 *time_ns)
{
	bool found;

	spin_lock(&visited_lock);
	found = index < n_visited;
	if (found)
		*out = visited[index];
	*time_ns = walked_ns;
	spin_unlock(&visited_lock);
	return found;
}
