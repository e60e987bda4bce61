// SPDX-License-Identifier: GPL-2.0
/*
 * What an administrator takes back and gives back: one decision is undone, a
 * tunable that was found with a foreign value is handed back, a policy gets what
 * it had lost by either.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "decision.h"
#include "engine.h"
#include "handback.h"
#include "journal.h"
#include "refuse.h"
#include "table.h"

static struct ainka_hold *hold_of(const struct ainka_tunable *tun, const struct ainka_key *key)
{
	struct hlist_node *tmp;
	struct ainka_hold *hold;
	int bucket;

	ainka_journal_each(hold, tmp, bucket)
		/* a decision has the number of a task only, and an id of every subject */
		if (hold->tun == tun && hold->target.key.id == key->id && !hold->ghost_ns &&
		    (!key->num || hold->target.key.num == key->num))
			return hold;
	return NULL;
}

static int undo(const struct ainka_record *rec, struct ainka_err *err)
{
	const struct ainka_key key = { rec->pid, rec->subject_id };
	struct ainka_policy *policy = ainka_table_numbered(rec->policy_id);
	const struct ainka_tunable *tun = ainka_tunable_find(rec->tunable);
	struct ainka_hold *hold = tun ? hold_of(tun, &key) : NULL;

	if (!hold)
		return ainka_deny(err, -EALREADY, "%s has its baseline already", rec->tunable);
	if (hold->foreign)
		return ainka_deny(err, -EBUSY,
				  "somebody else has set %s since; it is no longer ours",
				  rec->tunable);
	if (!policy || hold->policy_id != rec->policy_id)
		return ainka_deny(err, -ESTALE, "%s is what policy %s has set since", rec->tunable,
				  hold->policy);
	if (!ainka_park(policy, tun, &key, AINKA_REASON_UNDONE))
		return ainka_deny(err, -ENOSPC, "policy %s has too much parked; remove it instead",
				  policy->name);
	return 0;
}

/**
 * ainka_undo() - undo one decision
 * @id: its number
 * @err: gets why not, in words
 *
 * Its policy loses that tunable of that subject, which falls to the next policy
 * or to the baseline; a slow write has only begun when this returns.
 *
 * Return: 0, -ENOENT, -EINVAL, -EALREADY, -EBUSY, -ESTALE, -ENOSPC or -ENOMEM.
 */
int ainka_undo(u64 id, struct ainka_err *err)
{
	struct ainka_record *rec = kmalloc(sizeof(*rec), GFP_KERNEL);
	int rc;

	if (!rec)
		return -ENOMEM;
	if (!ainka_decision_get(id, rec)) {
		rc = ainka_deny(err, -ENOENT, "decision %llu is not remembered; the last %d are",
				id, AINKA_DECISIONS);
		goto out;
	}
	if (rec->verdict != AINKA_VERDICT_APPLIED && rec->verdict != AINKA_VERDICT_CLAMPED) {
		rc = ainka_deny(err, -EINVAL, "decision %llu did not set anything", id);
		goto out;
	}
	mutex_lock(&ainka_table_lock);
	mutex_lock(&ainka_journal_lock);
	rc = undo(rec, err);
	mutex_unlock(&ainka_journal_lock);
	mutex_unlock(&ainka_table_lock);
	if (!rc)
		ainka_engine_sync(AINKA_REASON_UNDONE);
out:
	kfree(rec);
	return rc;
}

/**
 * ainka_release() - hand a tunable back that is the administrator's
 * @name: the tunable
 * @which: of which subjects
 * @released: gets for how many
 * @err: gets why not, in words
 *
 * Policies may set it again; the value it has becomes its baseline.
 *
 * Return: 0, -ENOENT or -EINVAL.
 */
int ainka_release(const char *name, const struct ainka_which *which, u32 *released,
		  struct ainka_err *err)
{
	const struct ainka_tunable *tun = ainka_tunable_find(name);
	struct ainka_hold *hold;
	struct hlist_node *tmp;
	int bucket;

	*released = 0;
	if (!tun)
		return ainka_deny(err, -ENOENT, "no tunable %s; tunable-get lists them", name);
	mutex_lock(&ainka_journal_lock);
	ainka_journal_each(hold, tmp, bucket) {
		if (hold->tun != tun || !hold->foreign || hold->pending)
			continue;
		if ((which->pid && which->pid != hold->target.key.num) ||
		    (which->subject_id && which->subject_id != hold->target.key.id))
			continue;
		ainka_journal_drop(hold);
		(*released)++;
	}
	mutex_unlock(&ainka_journal_lock);
	if (!*released)
		return ainka_deny(err, -EINVAL, "%s has no foreign value: nothing to hand back",
				  name);
	ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	return 0;
}

/**
 * ainka_resume() - give a policy back what it has lost by oscillating or by undo
 * @name: the policy
 * @resumed: gets how many tunables of subjects that were
 * @err: gets why not, in words
 *
 * Return: 0, -ENOENT or -EINVAL.
 */
int ainka_resume(const char *name, u32 *resumed, struct ainka_err *err)
{
	struct ainka_policy *policy;
	int rc = 0;

	mutex_lock(&ainka_table_lock);
	policy = ainka_table_named(name);
	if (!policy)
		rc = ainka_deny(err, -ENOENT, "there is no policy %s", name);
	else
		*resumed = ainka_park_resume(policy);
	mutex_unlock(&ainka_table_lock);
	if (!rc && !*resumed)
		rc = ainka_deny(err, -EINVAL, "policy %s has lost nothing: nothing to resume",
				name);
	if (!rc)
		ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	return rc;
}
