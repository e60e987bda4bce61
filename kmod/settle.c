// SPDX-License-Identifier: GPL-2.0
/*
 * Make the machine agree with the policies that are on: the winner of each
 * tunable is written, what nobody wants any more gets its baseline back, and
 * every step is a decision in the journal.
 */
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/string.h>

#include "decision.h"
#include "journal.h"
#include "params.h"
#include "settle.h"
#include "table.h"
#include "want.h"

/* How long a restored task's entry waits for forks that were under way. */
#define GHOST_NS (2 * NSEC_PER_SEC)

/* When a write that was refused is tried again although nothing has changed. */
#define RETRY_NS (2 * NSEC_PER_SEC)

/* A decision in the making; too large for the stack. */
static struct ainka_record rec;

static void log_refusal(u32 reason, int error)
{
	rec.verdict = AINKA_VERDICT_REFUSED;
	rec.reason = reason;
	rec.error = error;
	ainka_decision_log(&rec);
}

static void write_value(const struct ainka_round *round, struct ainka_policy *policy,
			struct ainka_hold *hold, s64 present, s64 value, s64 wanted, bool clamped)
{
	ainka_want_describe(round, policy, hold->tun, &hold->target, &rec);
	rec.verdict = clamped ? AINKA_VERDICT_CLAMPED : AINKA_VERDICT_APPLIED;
	rec.reason = AINKA_REASON_CONDITION_ON;
	policy->applied++;
	ainka_park_moved(policy, hold->tun, &hold->target.key, present, value, round->now_ns);
	ainka_journal_set(hold, value, wanted, &rec);
}

static u32 restore_reason(const struct ainka_round *round, const struct ainka_hold *hold,
			  const struct ainka_policy *policy)
{
	u32 parked;

	if (hold->inherited)
		return AINKA_REASON_INHERITED;
	if (!policy)
		return round->missing_reason;
	if (!READ_ONCE(ainka_enforce))
		return AINKA_REASON_ENFORCE_OFF;
	if (!ainka_want_allowed(policy))
		return AINKA_REASON_STATE_CHANGED;
	parked = ainka_parked(policy, hold->tun, &hold->target.key);
	if (parked)
		return parked;
	if (policy->version != hold->policy_version)
		return AINKA_REASON_POLICY_REPLACED;
	return AINKA_REASON_CONDITION_OFF;
}

static void restore(const struct ainka_round *round, struct ainka_hold *hold)
{
	struct ainka_policy *policy = ainka_table_numbered(hold->policy_id);

	memset(&rec, 0, sizeof(rec));
	rec.policy_id = hold->policy_id;
	rec.policy_version = hold->policy_version;
	strscpy(rec.policy, hold->policy, sizeof(rec.policy));
	strscpy(rec.tunable, hold->tun->name, sizeof(rec.tunable));
	ainka_want_name(&hold->target, &rec);
	rec.reason = restore_reason(round, hold, policy);
	/* on and off again is back and forth as well */
	if (policy && rec.reason == AINKA_REASON_CONDITION_OFF)
		ainka_park_moved(policy, hold->tun, &hold->target.key, hold->written,
				 hold->baseline, round->now_ns);
	ainka_journal_restore(hold, &rec);
}

/* It could not be set: try again after a while, and quietly, or when another policy wants it. */
static void settle_refused(const struct ainka_round *round, struct ainka_policy *policy,
			   struct ainka_hold *hold)
{
	struct ainka_slot *slot;
	u32 i;

	if (policy && policy->id == hold->policy_id && policy->version == hold->policy_version) {
		if (round->now_ns - hold->since_ns < RETRY_NS)
			return;
		slot = ainka_policy_slot(policy, &hold->target.key);
		for (i = 0; slot && i < policy->n_actions; i++)
			if (policy->action[i].tun == hold->tun)
				slot->refused |= BIT(i);
	}
	ainka_journal_drop(hold);
}

/* Entries there are: another value, another policy, or the baseline. */
static void settle_hold(const struct ainka_round *round, struct ainka_hold *hold)
{
	struct ainka_policy *policy;
	bool clamped, same;
	s64 value, wanted;

	if (hold->pending)
		return;
	if (ainka_journal_gone(hold) ||
	    (hold->ghost_ns && round->now_ns > hold->ghost_ns + GHOST_NS)) {
		ainka_journal_drop(hold);
		return;
	}
	if (hold->ghost_ns)
		return;
	/* the admin's, until it is handed back */
	if (hold->foreign)
		return;
	policy = ainka_want_winner(hold->tun, &hold->target.key, false);
	if (hold->refused) {
		settle_refused(round, policy, hold);
		return;
	}
	if (!policy) {
		if (hold->held)
			restore(round, hold);
		else
			ainka_journal_drop(hold);
		return;
	}
	wanted = ainka_want_value(round, policy, hold->tun, &hold->target.key, hold->baseline,
				  &clamped);
	same = hold->held && policy->id == hold->policy_id && wanted == hold->wanted;
	if (same && hold->asked == wanted) {
		hold->policy_version = policy->version;
		return;
	}
	value = ainka_want_towards(hold->tun, &hold->target, hold->baseline, hold->written,
				   wanted, &clamped);
	if (same && hold->asked == value) {
		hold->policy_version = policy->version;
		return;
	}
	if (!ainka_budget_take(&policy->budget, policy->rate_per_min, AINKA_RATE_BURST,
			       round->now_ns))
		return;
	write_value(round, policy, hold, hold->written, value, wanted, clamped);
}

/* Why a policy that is on may not have its way, or AINKA_REASON_NONE. */
static u32 obstacle(struct ainka_policy *policy, const struct ainka_tunable *tun,
		    const struct ainka_target *target, u64 now_ns)
{
	if (!READ_ONCE(ainka_enforce))
		return AINKA_REASON_ENFORCE_OFF;
	if (!ainka_want_allowed(policy))
		return AINKA_REASON_STATE_CHANGED;
	if (ainka_target_protected(target))
		return AINKA_REASON_SUBJECT_PROTECTED;
	if (ainka_parked(policy, tun, &target->key))
		return ainka_parked(policy, tun, &target->key);
	if (ainka_want_winner(tun, &target->key, false) != policy)
		return AINKA_REASON_OVERRIDDEN;
	/* what the slow lane has to look at first is paid for when it is written */
	if (tun->lane == AINKA_LANE_SLOW)
		return AINKA_REASON_NONE;
	if (!ainka_budget_take(&policy->budget, policy->rate_per_min, AINKA_RATE_BURST, now_ns))
		return AINKA_REASON_RATE_LIMITED;
	return AINKA_REASON_NONE;
}

static void refuse_once(const struct ainka_round *round, struct ainka_policy *policy,
			struct ainka_slot *slot, u32 index, const struct ainka_target *target,
			u32 reason, int error)
{
	if (slot->refused & BIT(index))
		return;
	slot->refused |= BIT(index);
	policy->refused++;
	ainka_want_describe(round, policy, policy->action[index].tun, target, &rec);
	log_refusal(reason, error);
}

/* Not to be enforced: journal what would be set. */
static void tell(const struct ainka_round *round, struct ainka_policy *policy,
		 const struct ainka_action *action, const struct ainka_target *target)
{
	struct ainka_value value = action->value;
	s64 model = 0;

	ainka_want_describe(round, policy, action->tun, target, &rec);
	rec.verdict = policy->mode == AINKA_MODE_ADVISE ? AINKA_VERDICT_ADVISED :
							  AINKA_VERDICT_OBSERVED;
	rec.reason = AINKA_REASON_CONDITION_ON;
	if (value.op == AINKA_VALUE_MODEL &&
	    !ainka_want_model(round, policy, &target->key, &model)) {
		/* base+0 */
		value.op = AINKA_VALUE_ADD;
		value.arg = 0;
	}
	ainka_lane_tell(action->tun, target, &value, model, &rec);
}

/* One action of a policy that is on for a subject and has no entry yet. */
static void settle_action(const struct ainka_round *round, struct ainka_policy *policy,
			  struct ainka_slot *slot, u32 index, struct ainka_target *target)
{
	const struct ainka_action *action = &policy->action[index];
	const struct ainka_tunable *tun = action->tun;
	s64 present, value, wanted;
	struct ainka_hold *hold;
	bool clamped;
	u32 reason;
	int err;

	ainka_target_scope(target, tun->of_process);
	hold = ainka_journal_find(tun, target);
	if (hold && !hold->ghost_ns) {
		/* ours already, or the admin's, or another policy's */
		if (hold->policy_id != policy->id && !hold->pending)
			refuse_once(round, policy, slot, index, target,
				    hold->foreign ? AINKA_REASON_FOREIGN_VALUE :
				    AINKA_REASON_OVERRIDDEN, 0);
		return;
	}
	if (policy->mode != AINKA_MODE_ENFORCE) {
		tell(round, policy, action, target);
		return;
	}
	reason = obstacle(policy, tun, target, round->now_ns);
	if (reason) {
		refuse_once(round, policy, slot, index, target, reason, 0);
		return;
	}
	if (tun->lane == AINKA_LANE_FAST) {
		err = tun->ops->read(tun, target, &present);
		if (err) {
			refuse_once(round, policy, slot, index, target,
				    ainka_journal_reason(err), err);
			return;
		}
		wanted = ainka_want_value(round, policy, tun, &target->key, present, &clamped);
		value = ainka_want_towards(tun, target, present, present, wanted, &clamped);
	}
	if (!hold)
		hold = ainka_journal_new(tun, target);
	if (!hold) {
		refuse_once(round, policy, slot, index, target, AINKA_REASON_JOURNAL_FULL, 0);
		return;
	}
	hold->failed = slot->refused & BIT(index);
	if (tun->lane == AINKA_LANE_SLOW) {
		ainka_want_describe(round, policy, tun, target, &rec);
		ainka_journal_look(hold, &rec);
		return;
	}
	write_value(round, policy, hold, present, value, wanted, clamped);
}

static void settle_slot(const struct ainka_round *round, struct ainka_policy *policy,
			struct ainka_slot *slot)
{
	struct ainka_target target;
	u32 i;

	if (!slot->hyst.on || (policy->mode != AINKA_MODE_ENFORCE && slot->told))
		return;
	if (!ainka_target_get(policy->subject, &slot->key, &target))
		return;
	for (i = 0; i < policy->n_actions; i++)
		settle_action(round, policy, slot, i, &target);
	slot->told = true;
	ainka_target_put(&target);
}

/**
 * ainka_settle() - make the machine agree with the policies
 * @round: what this round saw
 *
 * Context: the fast worker; may sleep. Slow writes are only begun.
 */
void ainka_settle(const struct ainka_round *round)
{
	const struct ainka_table *t;
	struct ainka_hold *hold;
	struct hlist_node *tmp;
	int bucket;
	u32 i, j;

	mutex_lock(&ainka_table_lock);
	mutex_lock(&ainka_journal_lock);
	ainka_journal_each(hold, tmp, bucket)
		settle_hold(round, hold);
	t = ainka_table();
	for (i = 0; i < t->n; i++) {
		struct ainka_policy *policy = t->policy[i];

		if (policy->subject == AINKA_SUBJECT_SYSTEM)
			settle_slot(round, policy, &policy->system);
		for (j = 0; policy->slot && j < AINKA_POLICY_SUBJECTS; j++)
			if (policy->slot[j].key.num)
				settle_slot(round, policy, &policy->slot[j]);
	}
	mutex_unlock(&ainka_journal_lock);
	mutex_unlock(&ainka_table_lock);
}

/**
 * ainka_settle_subject() - the same for one subject alone
 * @round: what is seen
 * @subject: enum ainka_subject
 * @key: which one
 *
 * Entries of policies that are no longer there wait for ainka_settle().
 *
 * Context: the fast worker; may sleep.
 */
void ainka_settle_subject(const struct ainka_round *round, u32 subject,
			  const struct ainka_key *key)
{
	const struct ainka_table *t;
	struct ainka_target target;
	struct ainka_hold *hold;
	u32 i, j;

	if (!ainka_target_get(subject, key, &target))
		return;
	mutex_lock(&ainka_table_lock);
	mutex_lock(&ainka_journal_lock);
	t = ainka_table();
	for (i = 0; i < t->n; i++) {
		struct ainka_policy *policy = t->policy[i];
		struct ainka_slot *slot;

		if (policy->subject != subject)
			continue;
		for (j = 0; j < policy->n_actions; j++) {
			ainka_target_scope(&target, policy->action[j].tun->of_process);
			hold = ainka_journal_find(policy->action[j].tun, &target);
			if (hold)
				settle_hold(round, hold);
		}
		slot = ainka_policy_slot(policy, key);
		if (slot)
			settle_slot(round, policy, slot);
	}
	mutex_unlock(&ainka_journal_lock);
	mutex_unlock(&ainka_table_lock);
	ainka_target_put(&target);
}
