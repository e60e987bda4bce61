// SPDX-License-Identifier: GPL-2.0
/*
 * The table of policies. A change makes a new table and swaps it in; whoever
 * evaluates the old one finishes first.
 */
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "table.h"

/* see table.h for what it protects */
DEFINE_MUTEX(ainka_table_lock);

static struct ainka_table __rcu *table;
static u32 last_id;

/**
 * ainka_table() - the policies in force
 *
 * Return: the table, never NULL between init and exit.
 */
const struct ainka_table *ainka_table(void)
{
	return rcu_dereference_check(table, lockdep_is_held(&ainka_table_lock));
}

static struct ainka_table *new_table(u32 n)
{
	struct ainka_table *t = kzalloc(struct_size(t, policy, n), GFP_KERNEL);

	if (t)
		t->n = n;
	return t;
}

/**
 * ainka_table_init() - begin with an empty table
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_table_init(void)
{
	struct ainka_table *t = new_table(0);

	if (!t)
		return -ENOMEM;
	rcu_assign_pointer(table, t);
	return 0;
}

/**
 * ainka_table_exit() - free the table, which is empty again
 */
void ainka_table_exit(void)
{
	struct ainka_table *t = rcu_dereference_protected(table, 1);

	rcu_assign_pointer(table, NULL);
	rcu_barrier();
	kfree(t);
}

/* Swap in and, after everybody has finished with the old one, free it. */
static void swap_table(struct ainka_table *new)
{
	struct ainka_table *old;

	old = rcu_replace_pointer(table, new, lockdep_is_held(&ainka_table_lock));
	kfree_rcu(old, rcu);
}

static int find(const struct ainka_table *t, const char *name)
{
	u32 i;

	for (i = 0; i < t->n; i++)
		if (!strcmp(t->policy[i]->name, name))
			return i;
	return -ENOENT;
}

/**
 * ainka_table_named() - a policy in force by its name
 * @name: its name
 *
 * Context: as for ainka_table().
 *
 * Return: the policy, or NULL if there is none.
 */
struct ainka_policy *ainka_table_named(const char *name)
{
	const struct ainka_table *t = ainka_table();
	int at = find(t, name);

	return at < 0 ? NULL : t->policy[at];
}

/**
 * ainka_table_numbered() - a policy in force by its number
 * @id: its number
 *
 * Context: as for ainka_table().
 *
 * Return: the policy, or NULL if there is none.
 */
struct ainka_policy *ainka_table_numbered(u32 id)
{
	const struct ainka_table *t = ainka_table();
	u32 i;

	for (i = 0; i < t->n; i++)
		if (t->policy[i]->id == id)
			return t->policy[i];
	return NULL;
}

/* What the policies take, but for the one that gives way. */
static u64 bytes_without(const struct ainka_table *t, int gone)
{
	u64 bytes = 0;
	int i;

	for (i = 0; i < t->n; i++)
		if (i != gone)
			bytes += t->policy[i]->bytes;
	return bytes;
}

static int add_locked(struct ainka_policy *policy, bool replace, struct ainka_policy **old,
		      struct ainka_policy_err *err)
{
	const struct ainka_table *t = ainka_table();
	int at = find(t, policy->name);
	struct ainka_table *new;
	u64 used;

	if (at >= 0 && !replace)
		return ainka_refuse(err, AINKA_FIELD_NAME, -EEXIST, "there is a policy %s already",
			      policy->name);
	if (at >= 0 && t->policy[at]->origin != policy->origin)
		return ainka_refuse(err, AINKA_FIELD_ORIGIN, -EPERM,
			      "policy %s has another origin and cannot be replaced",
			      policy->name);
	if (at < 0 && t->n >= ainka_max_policies)
		return ainka_refuse(err, AINKA_FIELD_NONE, -ENOSPC,
			      "the table is full: %u policies (parameter max_policies)",
			      ainka_max_policies);
	used = bytes_without(t, at);
	if (used + policy->bytes > AINKA_TABLE_BYTES)
		return ainka_refuse(err, AINKA_FIELD_NONE, -ENOSPC,
				    "no memory for its %llu KiB: of %d KiB for policies, models and windows %llu are taken",
				    DIV_ROUND_UP_ULL(policy->bytes, 1024), AINKA_TABLE_BYTES / 1024,
				    DIV_ROUND_UP_ULL(used, 1024));
	new = new_table(t->n + (at < 0));
	if (!new)
		return -ENOMEM;
	memcpy(new->policy, t->policy, t->n * sizeof(t->policy[0]));
	if (at < 0) {
		at = t->n;
		policy->id = ++last_id;
		policy->version = 1;
	} else {
		*old = t->policy[at];
		policy->id = (*old)->id;
		policy->version = (*old)->version + 1;
	}
	new->policy[at] = policy;
	swap_table(new);
	return 0;
}

/**
 * ainka_table_add() - put a policy in force
 * @policy: the policy; the table's from now on, if this succeeds
 * @replace: whether one of the same name gives way
 * @id: gets its number
 * @version: gets its version
 * @err: gets why not, in words
 *
 * Return: 0, -EEXIST, -EPERM, -ENOSPC or -ENOMEM.
 */
int ainka_table_add(struct ainka_policy *policy, bool replace, u32 *id, u32 *version,
		    struct ainka_policy_err *err)
{
	struct ainka_policy *old = NULL;
	int rc;

	mutex_lock(&ainka_table_lock);
	rc = add_locked(policy, replace, &old, err);
	/* once the lock is released, somebody may remove it */
	*id = policy->id;
	*version = policy->version;
	mutex_unlock(&ainka_table_lock);
	if (old) {
		synchronize_rcu();
		ainka_policy_free(old);
	}
	return rc;
}

static bool drop(u32 origin_mask, const char *name, const struct ainka_policy *policy)
{
	return name ? !strcmp(policy->name, name) : origin_mask & BIT(policy->origin);
}

static u32 remove_matching(u32 origin_mask, const char *name, u32 *id, u32 *active)
{
	struct ainka_policy *gone[AINKA_MAX_POLICIES / 4];
	const struct ainka_table *t;
	struct ainka_table *new;
	u32 n_gone, total = 0, i;

	/* in batches, so that the list of what to free fits on the stack */
	do {
		n_gone = 0;
		mutex_lock(&ainka_table_lock);
		t = ainka_table();
		/* cannot fail: removing is how a machine gets back to its baseline */
		new = kzalloc(struct_size(new, policy, t->n), GFP_KERNEL | __GFP_NOFAIL);
		for (i = 0; i < t->n; i++) {
			if (drop(origin_mask, name, t->policy[i]) && n_gone < ARRAY_SIZE(gone))
				gone[n_gone++] = t->policy[i];
			else
				new->policy[new->n++] = t->policy[i];
		}
		if (n_gone && id) {
			*id = gone[0]->id;
			*active = gone[0]->active;
		}
		if (n_gone)
			swap_table(new);
		else
			kfree(new);
		mutex_unlock(&ainka_table_lock);
		if (n_gone)
			synchronize_rcu();
		for (i = 0; i < n_gone; i++)
			ainka_policy_free(gone[i]);
		total += n_gone;
	} while (n_gone == ARRAY_SIZE(gone));
	return total;
}

/**
 * ainka_table_remove() - take a policy out of force
 * @name: its name
 * @id: gets its number
 * @active: gets the number of subjects it was on for
 *
 * What it changed is put right by the next round of the engine.
 *
 * Return: 0 or -ENOENT.
 */
int ainka_table_remove(const char *name, u32 *id, u32 *active)
{
	return remove_matching(0, name, id, active) ? 0 : -ENOENT;
}

/**
 * ainka_table_remove_origin() - take all policies of some origins out of force
 * @origin_mask: bit mask of enum ainka_origin
 *
 * Return: how many there were.
 */
u32 ainka_table_remove_origin(u32 origin_mask)
{
	return remove_matching(origin_mask, NULL, NULL, NULL);
}
