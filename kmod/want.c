// SPDX-License-Identifier: GPL-2.0
/*
 * What the policies want of a tunable: who of them wins, which value that is,
 * and what the journal says of it.
 */
#include <linux/string.h>

#include "machine_state.h"
#include "params.h"
#include "park.h"
#include "subjects.h"
#include "table.h"
#include "want.h"

/* What an evaluation sees; the fast worker's, too large for its stack. */
static struct ainka_env env;

/**
 * ainka_want_allowed() - may a policy set anything now?
 * @policy: the policy
 *
 * Return: false where enforcement is off or the state is none of its own.
 */
bool ainka_want_allowed(const struct ainka_policy *policy)
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

static bool may_win(const struct ainka_policy *policy, bool advice)
{
	if (advice)
		return policy->mode != AINKA_MODE_OBSERVE;
	return policy->mode == AINKA_MODE_ENFORCE && ainka_want_allowed(policy);
}

/**
 * ainka_want_winner() - the policy whose value a tunable gets
 * @tun: the tunable
 * @key: the subject
 * @advice: ask those that only advise as well, and those that may not write now
 *
 * Context: ainka_table_lock held, here and below.
 *
 * Return: the one of those that are on with the highest priority, of them the
 * oldest; NULL if there is none.
 */
struct ainka_policy *ainka_want_winner(const struct ainka_tunable *tun,
				       const struct ainka_key *key, bool advice)
{
	const struct ainka_table *t = ainka_table();
	struct ainka_policy *best = NULL;
	u32 i;

	for (i = 0; i < t->n; i++) {
		struct ainka_policy *policy = t->policy[i];
		struct ainka_slot *slot;

		if (policy->subject != tun->subject || !may_win(policy, advice))
			continue;
		slot = ainka_policy_slot(policy, key);
		if (!slot || !slot->hyst.on || !action_on(policy, tun) ||
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

/**
 * ainka_want_name() - note in a decision what it is about
 * @target: the subject
 * @rec: the decision
 */
void ainka_want_name(const struct ainka_target *target, struct ainka_record *rec)
{
	rec->subject = target->subject;
	if (target->subject == AINKA_SUBJECT_TASK)
		rec->pid = target->key.num;
	rec->subject_id = target->key.id;
	strscpy(rec->label, target->label, sizeof(rec->label));
}

/**
 * ainka_want_describe() - note in a decision who decides what about whom, and what led to it
 * @round: what this round saw
 * @policy: who
 * @tun: what
 * @target: about whom
 * @rec: the decision, begun anew
 */
void ainka_want_describe(const struct ainka_round *round, const struct ainka_policy *policy,
			 const struct ainka_tunable *tun, const struct ainka_target *target,
			 struct ainka_record *rec)
{
	struct ainka_prog *prog = policy->when;
	s64 value;
	u32 i;

	memset(rec, 0, sizeof(*rec));
	rec->policy_id = policy->id;
	rec->policy_version = policy->version;
	strscpy(rec->policy, policy->name, sizeof(rec->policy));
	strscpy(rec->tunable, tun->name, sizeof(rec->tunable));
	ainka_want_name(target, rec);
	/* a subject that is gone has no signals to show */
	if (!see(round, policy, &target->key))
		return;
	for (i = 0; i < prog->signals && i < AINKA_MAX_CAUSES; i++) {
		if (!ainka_env_get(&env, prog->signal[i], &value))
			continue;
		rec->cause_signal[rec->n_causes] = prog->signal[i];
		rec->cause_value[rec->n_causes++] = value;
	}
	if (env.model)
		ainka_model_eval(env.model, &env, &value, &rec->leaf);
	ainka_prog_render(prog, &env, rec->path, sizeof(rec->path));
}

/**
 * ainka_want_model() - what a policy's model says of a subject
 * @round: what this round saw
 * @policy: the policy
 * @key: the subject
 * @model: gets the result
 *
 * Return: false without a fresh signal that it needs.
 */
bool ainka_want_model(const struct ainka_round *round, const struct ainka_policy *policy,
		      const struct ainka_key *key, s64 *model)
{
	u32 leaf;

	return see(round, policy, key) && ainka_model_eval(policy->model, &env, model, &leaf);
}

/**
 * ainka_want_value() - the value a policy asks for
 * @round: what this round saw
 * @policy: the policy
 * @tun: the tunable
 * @key: the subject
 * @baseline: the value before us
 * @clamped: gets whether the bounds have limited it
 *
 * Return: it, within the hard bounds.
 */
s64 ainka_want_value(const struct ainka_round *round, const struct ainka_policy *policy,
		     const struct ainka_tunable *tun, const struct ainka_key *key, s64 baseline,
		     bool *clamped)
{
	const struct ainka_action *action = action_on(policy, tun);
	struct ainka_bounds no_step = tun->bounds;
	s64 model = baseline;

	no_step.step = 0;
	/* with a stale signal the model says nothing: stay at the baseline */
	if (action->value.op == AINKA_VALUE_MODEL && !ainka_want_model(round, policy, key, &model))
		model = baseline;
	return ainka_value_resolve(&action->value, &no_step, baseline, baseline, model, clamped);
}

/**
 * ainka_want_towards() - how far a write may go towards a value now
 * @tun: the tunable
 * @target: the subject
 * @baseline: the value before us
 * @present: the value now
 * @wanted: the value that is asked for
 * @clamped: set if that is further than a write may go
 *
 * Return: the value to write.
 */
s64 ainka_want_towards(const struct ainka_tunable *tun, const struct ainka_target *target,
		       s64 baseline, s64 present, s64 wanted, bool *clamped)
{
	const struct ainka_value absolute = { .op = AINKA_VALUE_ABS, .arg = wanted };
	bool stepped;
	s64 value = ainka_value_resolve(&absolute, &tun->bounds, baseline, present, 0, &stepped);

	if (tun->ops->limit)
		value = tun->ops->limit(tun, target, baseline, present, value);
	*clamped |= value != wanted;
	return value;
}
