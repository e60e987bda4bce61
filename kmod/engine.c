// SPDX-License-Identifier: GPL-2.0
/*
 * The fast lane: a SCHED_FIFO worker that samples the signals, evaluates the
 * policies and settles what changed. A timer wakes it while anything needs it;
 * otherwise it sleeps until something kicks it.
 */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "ainka_core.h"
#include "ainka_events.h"
#include "anomaly.h"
#include "compat.h"
#include "counted.h"
#include "engine.h"
#include "external.h"
#include "hist.h"
#include "journal.h"
#include "lane.h"
#include "lease.h"
#include "machine_state.h"
#include "maps.h"
#include "params.h"
#include "record.h"
#include "settle.h"
#include "signals.h"
#include "subjects.h"
#include "table.h"

/* How often subjects are walked and refused writes tried again. */
#define WALK_NS (100 * NSEC_PER_MSEC)

#define DRAIN_ATTEMPTS	50
#define DRAIN_PAUSE_MS	100

static void round_fn(struct kthread_work *work);

static struct kthread_worker *fast;
static DEFINE_KTHREAD_WORK(round_work, round_fn);
static struct hrtimer timer;
static bool running;

/* protects missing_reason and requests, which others hand to the worker */
static DEFINE_SPINLOCK(request_lock);
static u32 missing_reason = AINKA_REASON_POLICY_REMOVED;
static u32 requests;

/* What the next round shall do in any case. A walk is always followed by settling. */
#define REQUEST_SETTLE	BIT(0)
#define REQUEST_WALK	BIT(1)

/* The worker's own. */
static struct ainka_round round;
static u64 walks, walked_ns;

/* Written by the worker alone; a reader may miss the round that is running. */
static u64 rounds, min_ns = U64_MAX;
static u32 eval_hist[AINKA_HIST_BUCKETS];

static enum hrtimer_restart on_timer(struct hrtimer *t)
{
	kthread_queue_work(fast, &round_work);
	return HRTIMER_NORESTART;
}

static void also_visit(const struct ainka_table *t, u64 now_ns)
{
	u32 i, j;

	for (i = 0; i < t->n; i++) {
		ainka_subjects_want(t->policy[i]->subject, now_ns);
		for (j = 0; t->policy[i]->slot && j < AINKA_POLICY_SUBJECTS; j++)
			if (t->policy[i]->slot[j].key.num)
				ainka_subjects_also(t->policy[i]->subject,
						    &t->policy[i]->slot[j].key, now_ns);
	}
}

static void eval_policy(struct ainka_policy *policy, struct ainka_env *env, bool walked)
{
	u32 i;

	if (policy->subject == AINKA_SUBJECT_SYSTEM) {
		ainka_policy_eval(policy, env, NULL, walks, round.now_ns);
		return;
	}
	if (!walked)
		return;
	for (i = 0; i < ainka_subjects_count(policy->subject); i++) {
		const struct ainka_snap *snap = ainka_subjects_at(policy->subject, i);

		ainka_env_subject(env, snap->val, snap->fresh, ainka_signals_of(policy->subject));
		ainka_policy_eval(policy, env, &snap->key, walks, round.now_ns);
	}
	ainka_policy_end(policy, walks, round.now_ns);
}

/* Evaluate the table; true if a policy turned on or off. No locks, no allocation. */
static bool evaluate(bool walked)
{
	static struct ainka_env env;	/* the worker's, large for its stack */
	const struct ainka_table *t;
	bool changed = false;
	u64 start_ns, ns;
	u32 i;

	ainka_round_env(&round, &env);
	rcu_read_lock();
	t = ainka_table();
	start_ns = ktime_get_ns();
	for (i = 0; i < t->n; i++) {
		ainka_policy_begin(t->policy[i], &env, round.now_ns);
		eval_policy(t->policy[i], &env, walked);
		changed |= t->policy[i]->changed;
	}
	ns = ktime_get_ns() - start_ns;
	if (t->n) {
		eval_hist[ainka_hist_bucket(ns)]++;
		min_ns = min(min_ns, ns);
		rounds++;
	}
	rcu_read_unlock();
	return changed;
}

static void walk(void)
{
	walks++;
	walked_ns = round.now_ns;
	ainka_anomaly_sample(round.now_ns);
	ainka_subjects_walk(round.now_ns);
	rcu_read_lock();
	also_visit(ainka_table(), round.now_ns);
	rcu_read_unlock();
}

/* Is there anything that needs the next tick? */
static bool needed(void)
{
	bool policies;

	rcu_read_lock();
	policies = ainka_table()->n;
	rcu_read_unlock();
	return policies || ainka_maps_attached() || ainka_lease_left_ns(round.now_ns) ||
	       !ainka_journal_idle();
}

static void end_lease(void)
{
	ainka_table_remove_origin(BIT(AINKA_ORIGIN_LEARNER) | BIT(AINKA_ORIGIN_EXPERIMENT));
	ainka_maps_detach_all();
	ainka_external_release_leased();
	ainka_state_event(AINKA_EVENT_LEARNER_GONE, 0, "the lease of the daemon has ended");
}

static void round_fn(struct kthread_work *work)
{
	bool walk_now;
	u32 requested;

	round.now_ns = ktime_get_ns();
	spin_lock(&request_lock);
	round.missing_reason = missing_reason;
	requested = requests;
	requests = 0;
	spin_unlock(&request_lock);
	if (ainka_lease_expired(round.now_ns)) {
		end_lease();
		round.missing_reason = AINKA_REASON_LEASE_EXPIRED;
		requested |= REQUEST_WALK;
	}
	ainka_signals_sample(round.now_ns);
	ainka_counted_sample(round.now_ns);
	ainka_signals_bank(round.now_ns, round.val, round.fresh);
	walk_now = (requested & REQUEST_WALK) || round.now_ns - walked_ns >= WALK_NS;
	if (walk_now)
		walk();
	ainka_record_round(&round, walk_now);
	if (evaluate(walk_now) || walk_now || requested)
		ainka_settle(&round);
	if (READ_ONCE(running) && needed())
		hrtimer_start(&timer, ns_to_ktime((u64)READ_ONCE(ainka_tick_us) * NSEC_PER_USEC),
			      HRTIMER_MODE_REL);
}

/**
 * ainka_engine_init() - start the fast lane
 *
 * Return: 0 or a negative errno.
 */
int ainka_engine_init(void)
{
	struct kthread_worker *worker = ainka_kthread_worker("ainka_fast");

	if (IS_ERR(worker))
		return PTR_ERR(worker);
	sched_set_fifo(worker->task);
	ainka_hrtimer_setup(&timer, on_timer);
	fast = worker;
	WRITE_ONCE(running, true);
	return 0;
}

/**
 * ainka_engine_drain() - no policies any more, everything back to its baseline
 *
 * The doors are closed: nobody adds a policy. A tunable that cannot be restored
 * (the attribute refuses the old value) is told in the log and given up.
 */
void ainka_engine_drain(void)
{
	int attempt;

	ainka_table_remove_origin(~0U);
	ainka_maps_detach_all();
	for (attempt = 0; attempt < DRAIN_ATTEMPTS; attempt++) {
		ainka_engine_sync(AINKA_REASON_UNLOAD);
		ainka_lane_flush();
		ainka_engine_sync(AINKA_REASON_UNLOAD);
		if (!ainka_journal_held())
			return;
		msleep(DRAIN_PAUSE_MS);
	}
	pr_err("%u tunables could not be restored\n", ainka_journal_held());
}

/**
 * ainka_engine_exit() - stop the fast lane
 */
void ainka_engine_exit(void)
{
	WRITE_ONCE(running, false);
	hrtimer_cancel(&timer);
	kthread_flush_worker(fast);
	/* the round that was under way may have armed it again */
	hrtimer_cancel(&timer);
	kthread_destroy_worker(fast);
	ainka_record_exit();
}

/**
 * ainka_engine_kick() - let a round begin now; in any context but NMI
 */
void ainka_engine_kick(void)
{
	ainka_engine_queue(&round_work);
}

/**
 * ainka_engine_queue() - let the fast worker do something else between its rounds
 * @work: what
 *
 * Context: any but NMI and under a run queue's lock.
 */
void ainka_engine_queue(struct kthread_work *work)
{
	if (READ_ONCE(running))
		kthread_queue_work(fast, work);
}

/**
 * ainka_engine_walk() - number of the last walk over the subjects
 *
 * Context: the fast worker.
 *
 * Return: the number.
 */
u64 ainka_engine_walk(void)
{
	return walks;
}

static void request(u32 what)
{
	spin_lock(&request_lock);
	requests |= what;
	spin_unlock(&request_lock);
}

/**
 * ainka_engine_settle_soon() - something of the journal is done: settle what there is to settle
 *
 * Nothing new is known of subjects, and a walk over thousands of tasks takes its time.
 *
 * Context: a task.
 */
void ainka_engine_settle_soon(void)
{
	request(REQUEST_SETTLE);
	ainka_engine_kick();
}

/**
 * ainka_engine_walk_soon() - something new is known of subjects: walk them in the next round
 *
 * Context: a task.
 */
void ainka_engine_walk_soon(void)
{
	request(REQUEST_WALK);
	ainka_engine_kick();
}

/**
 * ainka_engine_sync() - let a round run in which everything is settled, and wait
 * @reason: enum ainka_reason for what policies that are gone leave behind
 *
 * Slow writes have only begun when it returns.
 */
void ainka_engine_sync(u32 reason)
{
	spin_lock(&request_lock);
	missing_reason = reason;
	requests |= REQUEST_WALK;
	spin_unlock(&request_lock);
	kthread_queue_work(fast, &round_work);
	kthread_flush_work(&round_work);
}

/**
 * ainka_engine_stats() - how long evaluations took
 * @stats: gets nanoseconds per evaluation of the whole table
 */
void ainka_engine_stats(struct ainka_engine_stats *stats)
{
	stats->rounds = READ_ONCE(rounds);
	stats->min_ns = stats->rounds ? READ_ONCE(min_ns) : 0;
	stats->p50_ns = ainka_hist_percentile(eval_hist, AINKA_HIST_BUCKETS, 500);
	stats->p99_ns = ainka_hist_percentile(eval_hist, AINKA_HIST_BUCKETS, 990);
}
