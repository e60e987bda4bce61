// SPDX-License-Identifier: GPL-2.0
/*
 * The journal: an entry for every tunable that is away from its baseline. It
 * remembers the value before us and the one we wrote last; journal_write.c is
 * the only code that writes tunables.
 */
#include <linux/ktime.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "engine.h"
#include "journal.h"

/* see journal.h for what it protects */
DEFINE_MUTEX(ainka_journal_lock);
DEFINE_HASHTABLE(ainka_holds, 9);

/* protects adding to and removing from ainka_holds; also taken by the fork probe */
static DEFINE_SPINLOCK(holds_lock);
static atomic_t n_holds, n_foreign;
static atomic64_t lost;

/**
 * ainka_journal_exit() - forget what is left
 *
 * That is entries of tasks restored a moment ago, and what could not be.
 */
void ainka_journal_exit(void)
{
	struct ainka_hold *hold;
	struct hlist_node *tmp;
	int bucket;

	mutex_lock(&ainka_journal_lock);
	ainka_journal_each(hold, tmp, bucket)
		ainka_journal_drop(hold);
	mutex_unlock(&ainka_journal_lock);
	rcu_barrier();
}

static unsigned long hash_key(const struct ainka_tunable *tun, const struct ainka_target *target)
{
	return target->object ? (unsigned long)target->object : (unsigned long)tun;
}

/**
 * ainka_journal_find() - the entry of a tunable
 * @tun: the tunable
 * @target: what it is set on
 *
 * Context: ainka_journal_lock held.
 *
 * Return: the entry or NULL.
 */
struct ainka_hold *ainka_journal_find(const struct ainka_tunable *tun,
				      const struct ainka_target *target)
{
	struct ainka_hold *hold;

	hash_for_each_possible_rcu(ainka_holds, hold, node, hash_key(tun, target),
				   lockdep_is_held(&ainka_journal_lock))
		if (hold->tun == tun && ainka_target_same(&hold->target, target))
			return hold;
	return NULL;
}

static struct ainka_hold *add(const struct ainka_tunable *tun, const struct ainka_target *target,
			      gfp_t gfp, int limit)
{
	struct ainka_hold *hold;

	if (atomic_inc_return(&n_holds) > limit)
		goto err_count;
	hold = kzalloc(sizeof(*hold), gfp);
	if (!hold)
		goto err_count;
	if (tun->ops->save) {
		hold->saved = kzalloc(sizeof(*hold->saved), gfp);
		if (!hold->saved)
			goto err_hold;
	}
	hold->tun = tun;
	hold->since_ns = ktime_get_ns();
	ainka_target_copy(target, &hold->target);
	return hold;
err_hold:
	kfree(hold);
err_count:
	atomic_dec(&n_holds);
	return NULL;
}

static void publish(struct ainka_hold *hold)
{
	spin_lock(&holds_lock);
	hash_add_rcu(ainka_holds, &hold->node, hash_key(hold->tun, &hold->target));
	spin_unlock(&holds_lock);
}

/**
 * ainka_journal_new() - begin an entry
 * @tun: the tunable
 * @target: what it is set on; the entry takes a reference of its own
 *
 * Context: ainka_journal_lock held.
 *
 * Return: the entry, or NULL if the journal is full or memory short.
 */
struct ainka_hold *ainka_journal_new(const struct ainka_tunable *tun,
				     const struct ainka_target *target)
{
	struct ainka_hold *hold = add(tun, target, GFP_KERNEL, AINKA_HOLDS_MAX);

	if (hold)
		publish(hold);
	return hold;
}

static void free_hold(struct rcu_head *rcu)
{
	struct ainka_hold *hold = container_of(rcu, struct ainka_hold, rcu);

	kfree(hold->saved);
	kfree(hold);
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
	ainka_target_put(&hold->target);
	if (hold->foreign)
		atomic_dec(&n_foreign);
	atomic_dec(&n_holds);
	call_rcu(&hold->rcu, free_hold);
}

/**
 * ainka_journal_yield() - somebody else has written: the tunable is the admin's
 * @hold: its entry, which stays, so that nobody sets the tunable until it is handed back
 */
void ainka_journal_yield(struct ainka_hold *hold)
{
	if (!hold->foreign)
		atomic_inc(&n_foreign);
	WRITE_ONCE(hold->foreign, true);
}

/* Give a child what its parent has in the journal; false if it has not copied it. */
static bool inherit(const struct ainka_hold *hold, const struct ainka_target *child)
{
	const struct ainka_tunable *tun = hold->tun;
	struct ainka_hold *copy;
	s64 value;

	if (tun->ops->read(tun, child, &value))
		return false;
	if (value != READ_ONCE(hold->written) || value == hold->baseline)
		return false;
	copy = add(tun, child, GFP_NOWAIT | __GFP_NOWARN, AINKA_HOLDS_HARD_MAX);
	if (!copy)
		goto err_lost;
	if (copy->saved) {
		strscpy(copy->saved->baseline, hold->saved->baseline, AINKA_SAVED_LEN);
		if (tun->ops->save(tun, child, copy->saved->written))
			goto err_copy;
	}
	copy->baseline = hold->baseline;
	copy->written = value;
	copy->wanted = hold->wanted;
	copy->asked = hold->asked;
	copy->policy_id = hold->policy_id;
	copy->policy_version = hold->policy_version;
	memcpy(copy->policy, hold->policy, sizeof(copy->policy));
	copy->held = true;
	copy->inherited = true;
	publish(copy);
	return true;
err_copy:
	ainka_target_put(&copy->target);
	kfree(copy->saved);
	kfree(copy);
	atomic_dec(&n_holds);
err_lost:
	atomic64_inc(&lost);
	return false;
}

/* What is held on the parent, or on its process, is held on the child. */
static bool inherit_all(const void *object, struct task_struct *child, bool process)
{
	struct ainka_target target;
	struct ainka_hold *hold;
	bool found = false;

	/* most parents are not in the journal: look before a target is made of the child */
	hash_for_each_possible_rcu(ainka_holds, hold, node, (unsigned long)object) {
		/* pairs with carry_out(): baseline and written are there */
		if (hold->target.object != object || !smp_load_acquire(&hold->held))
			continue;
		ainka_target_of_task(child, &target);
		ainka_target_scope(&target, process);
		found |= inherit(hold, &target);
		ainka_target_put(&target);
	}
	return found;
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
	bool found;

	rcu_read_lock();
	found = inherit_all(parent, child, false);
	/* a thread shares what its process has */
	if (child->signal != parent->signal)
		found |= inherit_all(parent->signal, child, true);
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
 * ainka_journal_yielded() - how many tunables are the admin's since we found a foreign value
 *
 * Return: their number, an instant's.
 */
u32 ainka_journal_yielded(void)
{
	return atomic_read(&n_foreign);
}

/**
 * ainka_journal_idle() - is there nothing in the journal that needs another round?
 *
 * Return: true if every entry is the admin's.
 */
bool ainka_journal_idle(void)
{
	return atomic_read(&n_holds) == atomic_read(&n_foreign);
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
