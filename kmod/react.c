// SPDX-License-Identifier: GPL-2.0
/*
 * What the fast worker does about events, without waiting for a tick: it takes
 * what has come, evaluates the policies that may read it for the subjects it is
 * about, and settles these subjects alone.
 */
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>

#include "ainka_events.h"
#include "decision.h"
#include "engine.h"
#include "event.h"
#include "hist.h"
#include "overlay.h"
#include "react.h"
#include "record.h"
#include "settle.h"
#include "signals.h"
#include "subjects.h"
#include "table.h"

/* Events that are taken in one go; a tick gets its turn in between. */
#define BATCH 64

static void react_fn(struct kthread_work *work);
static DEFINE_KTHREAD_WORK(react_work, react_fn);

/* The worker's own. */
static struct ainka_posted batch[BATCH];
static struct ainka_round round;
static struct ainka_env env;
static u32 latency_hist[AINKA_HIST_BUCKETS];
static u64 changed, lost;

/* May this policy see a signal? Of more than four it reads, not all are listed. */
static bool may_read(const struct ainka_policy *policy, u16 id)
{
	const struct ainka_prog *progs[] = { policy->when, policy->until };
	u32 i, j;

	if (policy->model)
		return true;
	for (i = 0; i < policy->windows.n; i++)
		if (policy->windows.def[i].signal == id)
			return true;
	for (i = 0; i < ARRAY_SIZE(progs); i++) {
		if (!progs[i])
			continue;
		if (progs[i]->signals == AINKA_MAX_CAUSES)
			return true;
		for (j = 0; j < progs[i]->signals; j++)
			if (progs[i]->signal[j] == id)
				return true;
	}
	return false;
}

/* Evaluate one policy for one subject; true if the subject has to be settled. */
static bool eval(struct ainka_policy *policy, const struct ainka_snap *snap)
{
	struct ainka_slot *slot;

	if (snap)
		ainka_env_subject(&env, snap->val, snap->fresh, ainka_signals_of(policy->subject));
	ainka_policy_begin(policy, &env, round.now_ns);
	ainka_policy_eval(policy, &env, snap ? &snap->key : NULL, ainka_engine_walk(),
			  round.now_ns);
	slot = ainka_policy_slot(policy, snap ? &snap->key : NULL);
	return policy->changed || (slot && slot->hyst.on);
}

/* The policies of a subject that may read one of these signals. */
static bool eval_subject(u32 subject, const struct ainka_snap *snap, const u16 *ids, u32 n)
{
	const struct ainka_table *t;
	bool settle = false;
	u32 i, j;

	rcu_read_lock();
	t = ainka_table();
	for (i = 0; i < t->n; i++) {
		if (t->policy[i]->subject != subject)
			continue;
		for (j = 0; j < n && !may_read(t->policy[i], ids[j]); j++)
			;
		if (j < n)
			settle |= eval(t->policy[i], snap);
	}
	rcu_read_unlock();
	return settle;
}

/* How many times the machine has been changed so far. */
static u64 changes(void)
{
	struct ainka_decision_counts counts;

	ainka_decision_counts(&counts);
	return counts.applied + counts.restored;
}

static void settle(u32 subject, const struct ainka_key *key, u64 posted_ns)
{
	u64 before = changes();

	ainka_settle_subject(&round, subject, key);
	if (changes() == before)
		return;
	changed++;
	latency_hist[ainka_hist_bucket(ktime_get_ns() - posted_ns)]++;
}

/* Signals of the system have changed: its policies, and those of subjects that read them. */
static void react_system(const u16 *ids, u32 n, u64 posted_ns)
{
	static const struct ainka_key nobody;
	u32 subject, i;

	if (eval_subject(AINKA_SUBJECT_SYSTEM, NULL, ids, n))
		settle(AINKA_SUBJECT_SYSTEM, &nobody, posted_ns);
	for (subject = AINKA_SUBJECT_TASK; subject <= AINKA_SUBJECT_DEVICE; subject++)
		for (i = 0; i < ainka_subjects_count(subject); i++) {
			const struct ainka_snap *snap = ainka_subjects_at(subject, i);

			if (eval_subject(subject, snap, ids, n))
				settle(subject, &snap->key, posted_ns);
		}
}

static void react_subject(const struct ainka_posted *event)
{
	u32 subject = AINKA_SIG_BANK(event->signal);
	struct ainka_key key = { event->pid, event->start_ns };
	const struct ainka_snap *snap = ainka_subjects_find(subject, &key);

	if (snap && eval_subject(subject, snap, &event->signal, 1))
		settle(subject, &key, event->time_ns);
}

/* Note what an event says; false if it is about nobody. */
static bool note(struct ainka_posted *event)
{
	struct ainka_key key = { event->pid, event->start_ns };

	if (!AINKA_SIG_BANK(event->signal)) {
		ainka_signal_set(event->signal, event->value, event->time_ns);
		return true;
	}
	if (!ainka_task_identify(&key))
		return false;
	event->start_ns = key.id;
	return ainka_overlay_put(event->signal, &key, event->value, event->time_ns) &&
	       ainka_subjects_overlay(&key, round.now_ns);
}

static void react_fn(struct kthread_work *work)
{
	u64 posted_ns = 0;
	u32 n = 0, i, n_ids = 0;
	u16 ids[BATCH];

	round.now_ns = ktime_get_ns();
	round.missing_reason = AINKA_REASON_POLICY_REMOVED;
	for (i = 0; i < BATCH && ainka_event_next(&batch[n]); i++) {
		if (note(&batch[n]))
			n++;
		else
			lost++;
	}
	if (i == BATCH)
		ainka_react();
	for (i = 0; i < n; i++) {
		if (AINKA_SIG_BANK(batch[i].signal))
			continue;
		if (!n_ids)
			posted_ns = batch[i].time_ns;
		ids[n_ids++] = batch[i].signal;
	}
	if (!n)
		return;
	ainka_record_events();
	ainka_signals_bank(round.now_ns, round.val, round.fresh);
	ainka_round_env(&round, &env);
	if (n_ids)
		react_system(ids, n_ids, posted_ns);
	for (i = 0; i < n; i++)
		if (AINKA_SIG_BANK(batch[i].signal))
			react_subject(&batch[i]);
}

/**
 * ainka_react() - events have come; in any context but NMI and under a run queue's lock
 */
void ainka_react(void)
{
	ainka_engine_queue(&react_work);
}

/**
 * ainka_react_flush() - wait until the events that have come are dealt with
 */
void ainka_react_flush(void)
{
	kthread_flush_work(&react_work);
}

/**
 * ainka_react_stats() - how long it took
 * @stats: gets the figures
 */
void ainka_react_stats(struct ainka_react_stats *stats)
{
	stats->changed = READ_ONCE(changed);
	stats->lost = READ_ONCE(lost);
	stats->p50_ns = ainka_hist_percentile(latency_hist, AINKA_HIST_BUCKETS, 500);
	stats->p99_ns = ainka_hist_percentile(latency_hist, AINKA_HIST_BUCKETS, 990);
}
