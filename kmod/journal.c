// SPDX-License-Identifier: GPL-2.0
/*
 * The journal: every write to a tunable goes through it. An entry remembers the
 * value before us and the one we wrote last, notes a write before it is made,
 * and gives way for good when it finds a value that is neither.
 */
#include <linux/ktime.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "decision.h"
#include "engine.h"
#include "journal.h"

/* see journal.h for what it protects */
DEFINE_MUTEX(ainka_journal_lock);
DEFINE_HASHTABLE(ainka_holds, 9);

/* protects adding to and removing from ainka_holds; also taken by the fork probe */
static DEFINE_SPINLOCK(holds_lock);
static atomic_t n_holds;
static atomic64_t lost;

/* The slow lane: SCHED_NORMAL, one write at a time. */
static struct kthread_worker *slow;

/* A write that the slow lane makes. */
struct job {
	struct kthread_work work;
	struct ainka_hold *hold;
	struct ainka_record rec;
	s64 value;
	bool restore;
};

/**
 * ainka_journal_init() - start the slow lane
 *
 * Return: 0 or a negative errno.
 */
int ainka_journal_init(void)
{
	slow = ainka_kthread_worker("ainka_slow");
	return PTR_ERR_OR_ZERO(slow);
}

/**
 * ainka_journal_exit() - stop the slow lane and forget what is left
 *
 * That is entries of tasks restored a moment ago, and what could not be.
 */
void ainka_journal_exit(void)
{
	struct ainka_hold *hold;
	struct hlist_node *tmp;
	int bucket;

	kthread_destroy_worker(slow);
	mutex_lock(&ainka_journal_lock);
	ainka_journal_each(hold, tmp, bucket)
		ainka_journal_drop(hold);
	mutex_unlock(&ainka_journal_lock);
	rcu_barrier();
}

/**
 * ainka_journal_flush() - wait until the slow lane has nothing left to do
 */
void ainka_journal_flush(void)
{
	kthread_flush_worker(slow);
}

static unsigned long hash_key(const struct ainka_tunable *tun, struct task_struct *task)
{
	return task ? (unsigned long)task : (unsigned long)tun;
}

/**
 * ainka_journal_find() - the entry of a tunable
 * @tun: the tunable
 * @task: the task, or NULL for the system
 *
 * Context: ainka_journal_lock held.
 *
 * Return: the entry or NULL.
 */
struct ainka_hold *ainka_journal_find(const struct ainka_tunable *tun, struct task_struct *task)
{
	struct ainka_hold *hold;

	hash_for_each_possible_rcu(ainka_holds, hold, node, hash_key(tun, task),
				   lockdep_is_held(&ainka_journal_lock))
		if (hold->tun == tun && hold->task == task)
			return hold;
	return NULL;
}

static struct ainka_hold *add(const struct ainka_tunable *tun, struct task_struct *task,
			      gfp_t gfp, int limit)
{
	struct ainka_hold *hold;

	if (atomic_inc_return(&n_holds) > limit)
		goto err_count;
	hold = kzalloc(sizeof(*hold), gfp);
	if (!hold)
		goto err_count;
	hold->tun = tun;
	hold->since_ns = ktime_get_ns();
	if (task) {
		hold->task = get_task_struct(task);
		hold->pid = task->pid;
		hold->start_ns = task->start_time;
		get_task_comm(hold->comm, task);
	}
	return hold;
err_count:
	atomic_dec(&n_holds);
	return NULL;
}

static void publish(struct ainka_hold *hold)
{
	spin_lock(&holds_lock);
	hash_add_rcu(ainka_holds, &hold->node, hash_key(hold->tun, hold->task));
	spin_unlock(&holds_lock);
}

/**
 * ainka_journal_new() - begin an entry
 * @tun: the tunable
 * @task: the task, or NULL for the system
 *
 * Context: ainka_journal_lock held.
 *
 * Return: the entry, or NULL if the journal is full or memory short.
 */
struct ainka_hold *ainka_journal_new(const struct ainka_tunable *tun, struct task_struct *task)
{
	struct ainka_hold *hold = add(tun, task, GFP_KERNEL, AINKA_HOLDS_MAX);

	if (hold)
		publish(hold);
	return hold;
}

/**
 * ainka_journal_drop() - forget an entry
 * @hold: the entry
 *
 * Context: ainka_journal_lock held.
 */
void ainka_journal_drop(struct ainka_hold *hold)
{
	spin_lock(&holds_lock);
	hash_del_rcu(&hold->node);
	spin_unlock(&holds_lock);
	if (hold->task)
		put_task_struct(hold->task);
	atomic_dec(&n_holds);
	kfree_rcu(hold, rcu);
}

static bool gone(const struct ainka_hold *hold)
{
	u64 identity;

	if (hold->task)
		return ainka_task_gone(hold->task);
	return hold->held && hold->tun->ops->identity &&
	       (hold->tun->ops->identity(hold->tun, &identity) || identity != hold->identity);
}

static void refused(struct ainka_record *rec, u32 reason, int error)
{
	rec->verdict = AINKA_VERDICT_REFUSED;
	rec->reason = reason;
	rec->error = error;
}

/* Read, compare, note, write. Returns false if the entry is of no use any more. */
static bool carry_out(struct ainka_hold *hold, s64 value, bool restore, struct ainka_record *rec)
{
	const struct ainka_tunable *tun = hold->tun;
	bool fresh = !hold->held;
	s64 current_value, after;
	int err;

	if (gone(hold)) {
		refused(rec, AINKA_REASON_SUBJECT_GONE, -ESRCH);
		return false;
	}
	err = tun->ops->read(tun, hold->task, &current_value);
	if (!err && fresh && tun->ops->identity)
		err = tun->ops->identity(tun, &hold->identity);
	if (err) {
		refused(rec, AINKA_REASON_WRITE_ERROR, err);
		return !fresh;
	}
	rec->old_value = current_value;
	if (!fresh && current_value != hold->written) {
		rec->old_value = hold->written;
		rec->new_value = current_value;
		rec->verdict = AINKA_VERDICT_YIELDED;
		rec->reason = AINKA_REASON_FOREIGN_VALUE;
		hold->foreign = true;
		return !restore;
	}
	if (fresh) {
		hold->baseline = current_value;
		hold->written = value;
		/* the fork probe must find what a child may copy from now on */
		smp_store_release(&hold->held, true);
	} else if (!restore) {
		hold->written = value;
	}
	rec->new_value = value;
	if (current_value == value)
		return !restore;
	err = tun->ops->write(tun, hold->task, value);
	if (err) {
		refused(rec, AINKA_REASON_WRITE_ERROR, err);
		/* what is there now is what was there before */
		hold->written = current_value;
		return !fresh;
	}
	/* the kernel may have rounded it; that is what a foreign value differs from */
	if (!restore && !tun->ops->read(tun, hold->task, &after)) {
		hold->written = after;
		rec->new_value = after;
	}
	return !restore;
}

static void finish(struct ainka_hold *hold, bool keep, bool restore, struct ainka_record *rec)
{
	bool again = rec->verdict == AINKA_VERDICT_REFUSED && restore && keep;

	hold->pending = false;
	/* a restore that fails is tried again every round, but told once */
	if (!again || !hold->failed)
		ainka_decision_log(rec);
	hold->failed = again;
	if (keep)
		return;
	if (hold->task && restore && rec->verdict == AINKA_VERDICT_RESTORED)
		hold->ghost_ns = ktime_get_ns();
	else
		ainka_journal_drop(hold);
}

static void job_fn(struct kthread_work *work)
{
	struct job *job = container_of(work, struct job, work);
	bool keep;

	/* pending keeps everybody else off the entry */
	keep = carry_out(job->hold, job->value, job->restore, &job->rec);
	mutex_lock(&ainka_journal_lock);
	finish(job->hold, keep, job->restore, &job->rec);
	mutex_unlock(&ainka_journal_lock);
	kfree(job);
	ainka_engine_kick();
}

static void write(struct ainka_hold *hold, s64 value, bool restore, struct ainka_record *rec)
{
	struct job *job;

	if (hold->tun->lane == AINKA_LANE_FAST) {
		bool keep = carry_out(hold, value, restore, rec);

		finish(hold, keep, restore, rec);
		return;
	}
	/* cannot fail: getting back to the baseline must not depend on memory */
	job = kzalloc(sizeof(*job), GFP_KERNEL | __GFP_NOFAIL);
	kthread_init_work(&job->work, job_fn);
	job->hold = hold;
	job->value = value;
	job->restore = restore;
	job->rec = *rec;
	hold->pending = true;
	kthread_queue_work(slow, &job->work);
}

/**
 * ainka_journal_set() - write a tunable
 * @hold: its entry, new or not; not pending, not foreign
 * @value: what to write
 * @target: what the policy asked for
 * @rec: the decision, with verdict and reason if it succeeds; journalled here
 *
 * Context: ainka_journal_lock held. The entry may be gone afterwards.
 */
void ainka_journal_set(struct ainka_hold *hold, s64 value, s64 target, struct ainka_record *rec)
{
	if (hold->ghost_ns) {
		hold->ghost_ns = 0;
		hold->held = false;
	}
	hold->inherited = false;
	hold->target = target;
	hold->policy_id = rec->policy_id;
	hold->policy_version = rec->policy_version;
	strscpy(hold->policy, rec->policy, sizeof(hold->policy));
	write(hold, value, false, rec);
}

/**
 * ainka_journal_restore() - write the baseline back, unless somebody else has written
 * @hold: the entry; not pending, not foreign
 * @rec: the decision, with its reason; journalled here
 *
 * Context: ainka_journal_lock held. The entry may be gone afterwards.
 */
void ainka_journal_restore(struct ainka_hold *hold, struct ainka_record *rec)
{
	rec->verdict = AINKA_VERDICT_RESTORED;
	write(hold, hold->baseline, true, rec);
}

/**
 * ainka_journal_inherit() - a task has been forked
 * @parent: who forked; a changed one makes a changed child
 * @child: the new task, not running yet
 *
 * The child enters the journal with its parent's baseline, at once, so that its
 * own children find it there.
 *
 * Context: any that may take a spinlock; does not sleep.
 */
void ainka_journal_inherit(struct task_struct *parent, struct task_struct *child)
{
	struct ainka_hold *hold, *copy;
	bool found = false;
	s64 value;

	rcu_read_lock();
	hash_for_each_possible_rcu(ainka_holds, hold, node, (unsigned long)parent) {
		/* pairs with carry_out(): baseline and written are there */
		if (hold->task != parent || !smp_load_acquire(&hold->held))
			continue;
		if (hold->tun->ops->read(hold->tun, child, &value))
			continue;
		if (value != READ_ONCE(hold->written) || value == hold->baseline)
			continue;
		copy = add(hold->tun, child, GFP_NOWAIT | __GFP_NOWARN, AINKA_HOLDS_HARD_MAX);
		if (!copy) {
			atomic64_inc(&lost);
			continue;
		}
		copy->baseline = hold->baseline;
		copy->written = value;
		copy->target = hold->target;
		copy->policy_id = hold->policy_id;
		copy->policy_version = hold->policy_version;
		memcpy(copy->policy, hold->policy, sizeof(copy->policy));
		copy->held = true;
		copy->inherited = true;
		publish(copy);
		found = true;
	}
	rcu_read_unlock();
	if (found)
		ainka_engine_kick();
}

/**
 * ainka_journal_held() - how many tunables are away from their baseline
 *
 * Return: their number, an instant's.
 */
u32 ainka_journal_held(void)
{
	struct ainka_hold *hold;
	u32 n = 0;
	int i;

	rcu_read_lock();
	hash_for_each_rcu(ainka_holds, i, hold, node)
		n += hold->held && !hold->foreign && !hold->ghost_ns;
	rcu_read_unlock();
	return n;
}

/**
 * ainka_journal_lost() - children of changed tasks that could not be noted
 *
 * Return: their number; not 0 only if memory ran out or they were too many.
 */
u64 ainka_journal_lost(void)
{
	return atomic64_read(&lost);
}
