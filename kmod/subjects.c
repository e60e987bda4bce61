// SPDX-License-Identifier: GPL-2.0
/*
 * The subjects a round looks at: of each kind those with the largest value of
 * one signal, and those that some policy is on for, wherever they rank.
 */
#include <linux/container_of.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "cgroup_runs.h"
#include "cgroup_stats.h"
#include "devices.h"
#include "kinds.h"
#include "overlay.h"
#include "subjects.h"

/**
 * struct class - the subjects of one kind
 * @kind: what they are
 * @visited: what the last walk saw; changed under visited_lock
 * @building: the buffer that nobody sees while a walk fills it
 * @n_visited: entries of @visited
 * @n_building: entries of @building
 * @walk: the walk that fills it
 */
struct class {
	const struct ainka_subject_kind *kind;
	struct ainka_snap *visited;
	struct ainka_snap *building;
	u32 n_visited;
	u32 n_building;
	struct ainka_walk walk;
};

/*
 * A walk fills a buffer and swaps it in. The fast worker, which alone writes,
 * reads what is visited without the lock.
 */
static DEFINE_SPINLOCK(visited_lock);	/* protects swapping and appending */
static u64 walked_ns;

/* Room to work out the signals of a subject before it is known to be kept. */
static struct ainka_snap scratch;

static s64 rank(const struct class *class, const struct ainka_snap *snap)
{
	return snap->fresh[class->kind->rank] ? snap->val[class->kind->rank] : -1;
}

/* Keep the top ones in a heap whose root is the least of them. */
static void sift_down(struct class *class, u32 at)
{
	struct ainka_snap *heap = class->building;

	for (;;) {
		u32 least = at, child;

		for (child = 2 * at + 1; child <= 2 * at + 2 && child < class->n_building; child++)
			if (rank(class, &heap[child]) < rank(class, &heap[least]))
				least = child;
		if (least == at)
			return;
		swap(heap[at], heap[least]);
		at = least;
	}
}

static void sift_up(struct class *class, u32 at)
{
	struct ainka_snap *heap = class->building;

	while (at && rank(class, &heap[at]) < rank(class, &heap[(at - 1) / 2])) {
		swap(heap[at], heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

/* Keep what is in scratch if it is among the top so far. */
static void consider(struct ainka_walk *walk)
{
	struct class *class = container_of(walk, struct class, walk);

	if (class->n_building < class->kind->top) {
		class->building[class->n_building] = scratch;
		sift_up(class, class->n_building++);
	} else if (rank(class, &scratch) > rank(class, &class->building[0])) {
		class->building[0] = scratch;
		sift_down(class, 0);
	}
}

static struct class classes[AINKA_KINDS];

/**
 * ainka_subjects_init() - allocate room for the subjects that are visited
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_subjects_init(void)
{
	struct class *class;
	int err;

	for (class = classes; class < classes + ARRAY_SIZE(classes); class++) {
		class->kind = &ainka_kinds[class - classes];
		if (!class->kind->walk)
			continue;
		class->walk.snap = &scratch;
		class->walk.consider = consider;
		class->visited = kvcalloc(class->kind->room, sizeof(*class->visited), GFP_KERNEL);
		class->building = kvcalloc(class->kind->room, sizeof(*class->building), GFP_KERNEL);
		if (!class->visited || !class->building) {
			ainka_subjects_exit();
			return -ENOMEM;
		}
	}
	err = ainka_cgroup_runs_init() ?: ainka_cgroup_stats_init();
	if (err)
		ainka_subjects_exit();
	return err;
}

/**
 * ainka_subjects_exit() - free it
 */
void ainka_subjects_exit(void)
{
	struct class *class;

	ainka_cgroup_stats_exit();
	ainka_cgroup_runs_exit();
	for (class = classes; class < classes + ARRAY_SIZE(classes); class++) {
		kvfree(class->visited);
		kvfree(class->building);
	}
	ainka_devices_exit();
}

/**
 * ainka_subjects_bytes() - what is allocated for subjects
 *
 * Return: bytes.
 */
u64 ainka_subjects_bytes(void)
{
	const struct class *class;
	u64 n = 0;

	for (class = classes; class < classes + ARRAY_SIZE(classes); class++)
		n += 2 * class->kind->room;
	return n * sizeof(struct ainka_snap) + ainka_devices_bytes() +
	       ainka_cgroup_stats_bytes() + ainka_cgroup_runs_bytes();
}

/**
 * ainka_subjects_known() - can a policy be evaluated for subjects of a kind?
 * @subject: the kind
 *
 * Return: true if it can.
 */
bool ainka_subjects_known(u32 subject)
{
	return subject == AINKA_SUBJECT_SYSTEM ||
	       (subject < ARRAY_SIZE(ainka_kinds) && ainka_kinds[subject].walk);
}

/**
 * ainka_subjects_walk() - look at all subjects, keep the top of each kind
 * @now_ns: the present
 *
 * Context: the fast worker.
 */
void ainka_subjects_walk(u64 now_ns)
{
	struct ainka_key key;
	struct class *class;
	u32 at = 0;

	for (class = classes; class < classes + ARRAY_SIZE(classes); class++) {
		if (!class->kind->walk)
			continue;
		class->n_building = 0;
		class->walk.now_ns = now_ns;
		class->kind->walk(&class->walk);
		spin_lock(&visited_lock);
		swap(class->visited, class->building);
		class->n_visited = class->n_building;
		spin_unlock(&visited_lock);
	}
	WRITE_ONCE(walked_ns, now_ns);
	while (ainka_overlay_next(&at, now_ns, &key))
		ainka_subjects_overlay(&key, now_ns);
}

static struct ainka_snap *find(const struct class *class, const struct ainka_key *key)
{
	u32 i;

	for (i = 0; i < class->n_visited; i++)
		if (ainka_key_same(&class->visited[i].key, key))
			return &class->visited[i];
	return NULL;
}

/**
 * ainka_subjects_find() - a subject among those visited
 * @subject: its kind
 * @key: which one
 *
 * Context: the fast worker.
 *
 * Return: what the walk saw of it, or NULL.
 */
const struct ainka_snap *ainka_subjects_find(u32 subject, const struct ainka_key *key)
{
	return find(&classes[subject], key);
}

/**
 * ainka_subjects_want() - there is a policy of a kind of subject
 * @subject: the kind
 * @now_ns: the present
 *
 * Context: any.
 */
void ainka_subjects_want(u32 subject, u64 now_ns)
{
	if (ainka_kinds[subject].want)
		ainka_kinds[subject].want(now_ns);
}

/**
 * ainka_subjects_show() - somebody looks at the subjects of a kind now
 * @subject: the kind
 *
 * Context: a task that may sleep.
 *
 * Return: true if the next walk knows more of them for that.
 */
bool ainka_subjects_show(u32 subject)
{
	if (!ainka_kinds[subject].show)
		return false;
	ainka_kinds[subject].show();
	return true;
}

/**
 * ainka_subjects_also() - visit a subject that a policy is on for, whatever its rank
 * @subject: its kind
 * @key: which one
 * @now_ns: the present
 *
 * Context: the fast worker, after ainka_subjects_walk().
 */
void ainka_subjects_also(u32 subject, const struct ainka_key *key, u64 now_ns)
{
	struct class *class = &classes[subject];

	if (!class->kind->look || class->n_visited == class->kind->room || find(class, key))
		return;
	if (!class->kind->look(key, now_ns, &scratch))
		return;
	spin_lock(&visited_lock);
	class->visited[class->n_visited++] = scratch;
	spin_unlock(&visited_lock);
}

/**
 * ainka_subjects_overlay() - lay signals that came as events over what was seen of a task
 * @key: which one; it is visited from now on if it was not
 * @now_ns: the present
 *
 * Context: the fast worker.
 *
 * Return: false if there is no room for it.
 */
bool ainka_subjects_overlay(const struct ainka_key *key, u64 now_ns)
{
	struct class *class = &classes[AINKA_SUBJECT_TASK];
	struct ainka_snap *snap = find(class, key);

	if (!snap) {
		if (class->n_visited == class->kind->room)
			return false;
		ainka_kind_task(key, now_ns, &scratch);
	}
	spin_lock(&visited_lock);
	if (!snap) {
		snap = &class->visited[class->n_visited++];
		*snap = scratch;
	}
	ainka_overlay_apply(snap, now_ns);
	spin_unlock(&visited_lock);
	return true;
}

/**
 * ainka_subjects_count() - how many subjects of a kind the last walk visited
 * @subject: the kind
 *
 * Return: their number.
 */
u32 ainka_subjects_count(u32 subject)
{
	return classes[subject].n_visited;
}

/**
 * ainka_subjects_at() - one of the subjects visited
 * @subject: its kind
 * @index: from 0
 *
 * Context: the fast worker.
 *
 * Return: the subject.
 */
const struct ainka_snap *ainka_subjects_at(u32 subject, u32 index)
{
	return &classes[subject].visited[index];
}

/**
 * ainka_subjects_copy() - one of the subjects visited, for a dump
 * @subject: its kind
 * @index: from 0
 * @out: gets a copy
 * @time_ns: gets the time of the walk
 *
 * Return: false behind the last one.
 */
bool ainka_subjects_copy(u32 subject, u32 index, struct ainka_snap *out, u64 *time_ns)
{
	const struct class *class = &classes[subject];
	bool found;

	spin_lock(&visited_lock);
	found = index < class->n_visited;
	if (found)
		*out = class->visited[index];
	*time_ns = READ_ONCE(walked_ns);
	spin_unlock(&visited_lock);
	return found;
}
