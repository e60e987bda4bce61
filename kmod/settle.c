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
#include "machine_state.h"
#include "params.h"
#include "settle.h"
#include "subjects.h"
#include "table.h"

/* How long a restored task's entry waits for forks that were under way. */
#define GHOST_NS (2 * NSEC_PER_SEC)

/* A decision in the making, and what it is made from; too large for the stack. */
static struct ainka_record rec;
static struct ainka_env env;

static bool allowed(const struct ainka_policy *policy)
{
	return READ_ONCE(ainka_enforce) &&
	       ainka_state_allows(ainka_state_now(), policy->origin, policy->states);
}

static const struct ainka_action *action_on(const struct ainka_policy *policy,
					    const struct ainka_tunable *tun)
{
	u32 i;

	for (i = 0; i < policy->n_actions; i++)
		if (policy->action[i].tun == tun)
			return &policy->action[i];
	return NULL;
}

/* The policy whose value a tunable gets: the highest priority, then the oldest. */
static struct ainka_policy *winner(const struct ainka_tunable *tun, const struct ainka_key *key)
{
	const struct ainka_table *t = ainka_table();
	struct ainka_policy *best = NULL;
	u32 i;

	for (i = 0; i < t->n; i++) {
		struct ainka_policy *policy = t->policy[i];
		struct ainka_slot *slot;

		if (policy->mode != AINKA_MODE_ENFORCE || policy->subject != tun->subject)
			continue;
		slot = ainka_policy_slot(policy, key);
		if (!slot || !slot->hyst.on || !action_on(policy, tun) || !allowed(policy) ||
		    ainka_parked(policy, tun, key))
			continue;
		if (!best || policy->priority > best->priority ||
		    (policy->priority == best->priority && policy->id < best->id))
			best = policy;
	}
	return best;
}

/* Let env be what the policy sees; false if the subject's signals are gone. */
static bool see(const struct ainka_round *round, const struct ainka_policy *policy,
		const struct ainka_key *key)
{
	const struct ainka_snap *snap = NULL;

	if (policy->subject != AINKA_SUBJECT_SYSTEM) {
		snap = ainka_subjects_find(policy->subject, key);
		if (!snap)
			return false;
	}
	ainka_env_init(&env);
	ainka_round_env(round, &env);
	if (snap)
		ainka_env_subject(&env, snap->val, snap->fresh, ainka_signals_of(policy->subject));
	env.model = policy->model;
	if (policy->history)
		ainka_history_show(policy->history, &env, snap ? key->num : 0, snap ? key->id : 0,
				   round->now_ns);
	return true;
}

static void name_subject(const struct ainka_target *target)
{
	rec.subject = target->subject;
	if (target->subject == AINKA_SUBJECT_TASK)
		rec.pid = target->key.num;
	rec.subject_id = target->key.id;
	strscpy(rec.label, target->label, sizeof(rec.label));
}

/* Who decides what about whom, and what led to it. */
static void begin_record(const struct ainka_round *round, const struct ainka_policy *policy,
			 const struct ainka_tunable *tun, const struct ainka_target *target)
{
	struct ainka_prog *prog = policy->when;
	s64 value;
	u32 i;

	memset(&rec, 0, sizeof(rec));
	rec.policy_id = policy->id;
	rec.policy_version = policy->version;
	strscpy(rec.policy, policy->name, sizeof(rec.policy));
	strscpy(rec.tunable, tun->name, sizeof(rec.tunable));
	name_subject(target);
	/* a subject that is gone has no signals to show */
	if (!see(round, policy, &target->key))
		return;
	for (i = 0; i < prog->signals && i < AINKA_MAX_CAUSES; i++) {
		if (!ainka_env_get(&env, prog->signal[i], &value))
			continue;
		rec.cause_signal[rec.n_causes] = prog->signal[i];
		rec.cause_value[rec.n_causes++] = value;
	}
	if (env.model)
		ainka_model_eval(env.model, &env, &value, &rec.leaf);
	ainka_prog_render(prog, &env, rec.path, sizeof(rec.path));
}

static void log_refusal(u32 reason, int error)
{
	rec.verdict = AINKA_VERDICT_REFUSED;
	rec.reason = reason;
	rec.error = error;
	ainka_decision_log(&rec);
}

/* The value a policy asks for, and how far a write may go towards it now. */
static s64 value_of(const struct ainka_round *round, const struct ainka_policy *policy,
		    const struct ainka_tunable *tun, const struct ainka_key *key, s64 baseline,
		    s64 present, s64 *wanted, bool *clamped)
{
	const struct ainka_action *action = action_on(policy, tun);
	struct ainka_bounds no_step = tun->bounds;
	s64 model = baseline;
	bool bounded;
	u32 leaf;

	no_step.step = 0;
	if (action->value.op == AINKA_VALUE_MODEL) {
		/* with a stale signal the model says nothing: stay at the baseline */
		if (!see(round, policy, key) ||
		    !ainka_model_eval(policy->model, &env, &model, &leaf))
			model = baseline;
	}
	*wanted = ainka_value_resolve(&action->value, &no_step, baseline, present, model,
				      &bounded);
	return ainka_value_resolve(&action->value, &tun->bounds, baseline, present, model,
				   clamped);
}

static void write_value(const struct ainka_round *round, struct ainka_policy *policy,
			struct ainka_hold *hold, s64 present, s64 value, s64 wanted, bool clamped)
{
	begin_record(round, policy, hold->tun, &hold->target);
	rec.verdict = clamped ? AINKA_VERDICT_CLAMPED : AINKA_VERDICT_APPLIED;
	rec.reason = AINKA_REASON_CONDITION_ON;
	policy->applied++;
	ainka_park_moved(policy, hold->tun, &hold->target.key, present, value, round->now_ns);
	ainka_journal_set(hold, value, wanted, &rec);
}

static struct ainka_policy *policy_of(const struct ainka_hold *hold)
{
	const struct ainka_table *t = ainka_table();
	u32 i;

	for (i = 0; i < t->n; i++)
		if (t->policy[i]->id == hold->policy_id)
			return t->policy[i];
	return NULL;
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
	if (!allowed(policy))
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
	struct ainka_policy *policy = policy_of(hold);

	memset(&rec, 0, sizeof(rec));
	rec.policy_id = hold->policy_id;
	rec.policy_version = hold->policy_version;
	strscpy(rec.policy, hold->policy, sizeof(rec.policy));
	strscpy(rec.tunable, hold->tun->name, sizeof(rec.tunable));
	name_subject(&hold->target);
	rec.reason = restore_reason(round, hold, policy);
	/* on and off again is back and forth as well */
	if (policy && rec.reason == AINKA_REASON_CONDITION_OFF)
		ainka_park_moved(policy, hold->tun, &hold->target.key, hold->written,
				 hold->baseline, round->now_ns);
	ainka_journal_restore(hold, &rec);
}

/* Entries there are: another value, another policy, or the baseline. */
static void settle_hold(const struct ainka_round *round, struct ainka_hold *hold)
{
	struct ainka_policy *policy;
	bool clamped;
	s64 value, wanted;

	if (hold->pending)
		return;
	if (ainka_target_gone(&hold->target) ||
	    (hold->ghost_ns && round->now_ns > hold->ghost_ns + GHOST_NS)) {
		ainka_journal_drop(hold);
		return;
	}
	if (hold->ghost_ns)
		return;
	/* the admin's, until it is handed back */
	if (hold->foreign)
		return;
	policy = winner(hold->tun, &hold->target.key);
	if (!policy) {
		restore(round, hold);
		return;
	}
	value = value_of(round, policy, hold->tun, &hold->target.key, hold->baseline,
			 hold->written, &wanted, &clamped);
	if (policy->id == hold->policy_id && wanted == hold->wanted &&
	    (!hold->tun->bounds.step || value == hold->written)) {
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
	if (!allowed(policy))
		return AINKA_REASON_STATE_CHANGED;
	if (ainka_target_protected(target))
		return AINKA_REASON_SUBJECT_PROTECTED;
	if (ainka_parked(policy, tun, &target->key))
		return ainka_parked(policy, tun, &target->key);
	if (winner(tun, &target->key) != policy)
		return AINKA_REASON_OVERRIDDEN;
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
	begin_record(round, policy, policy->action[index].tun, target);
	log_refusal(reason, error);
}

/* One action of a policy that is on for a subject and has no entry yet. */
static void settle_action(const struct ainka_round *round, struct ainka_policy *policy,
			  struct ainka_slot *slot, u32 index,
			  const struct ainka_target *target)
{
	const struct ainka_tunable *tun = policy->action[index].tun;
	struct ainka_hold *hold = ainka_journal_find(tun, target);
	s64 present, value, wanted;
	bool clamped;
	u32 reason;
	int err;

	if (hold && !hold->ghost_ns) {
		/* ours already, or the admin's, or another policy's */
		if (hold->policy_id != policy->id && !hold->pending)
			refuse_once(round, policy, slot, index, target,
				    hold->foreign ? AINKA_REASON_FOREIGN_VALUE :
				    AINKA_REASON_OVERRIDDEN, 0);
		return;
	}
	err = tun->ops->read(tun, target, &present);
	if (err) {
		refuse_once(round, policy, slot, index, target, AINKA_REASON_WRITE_ERROR, err);
		return;
	}
	value = value_of(round, policy, tun, &target->key, present, present, &wanted, &clamped);
	if (policy->mode != AINKA_MODE_ENFORCE) {
		begin_record(round, policy, tun, target);
		rec.verdict = policy->mode == AINKA_MODE_ADVISE ? AINKA_VERDICT_ADVISED :
								  AINKA_VERDICT_OBSERVED;
		rec.reason = AINKA_REASON_CONDITION_ON;
		rec.old_value = present;
		rec.new_value = value;
		ainka_decision_log(&rec);
		return;
	}
	reason = obstacle(policy, tun, target, round->now_ns);
	if (reason) {
		refuse_once(round, policy, slot, index, target, reason, 0);
		return;
	}
	if (!hold)
		hold = ainka_journal_new(tun, target);
	if (!hold) {
		refuse_once(round, policy, slot, index, target, AINKA_REASON_JOURNAL_FULL, 0);
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
