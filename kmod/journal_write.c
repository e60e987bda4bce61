// SPDX-License-Identifier: GPL-2.0
/*
 * Every write to a tunable: look, compare with what we wrote last, note what
 * will be written, write. A value that is not ours is the administrator's, and
 * ends our claim.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "decision.h"
#include "engine.h"
#include "journal.h"

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
 * ainka_journal_write_init() - start the slow lane
 *
 * Return: 0 or a negative errno.
 */
int ainka_journal_write_init(void)
{
	slow = ainka_kthread_worker("ainka_slow");
	return PTR_ERR_OR_ZERO(slow);
}

/**
 * ainka_journal_write_exit() - stop the slow lane
 */
void ainka_journal_write_exit(void)
{
	kthread_destroy_worker(slow);
}

/**
 * ainka_journal_flush() - wait until the slow lane has nothing left to do
 */
void ainka_journal_flush(void)
{
	kthread_flush_worker(slow);
}

static bool gone(const struct ainka_hold *hold)
{
	u64 identity;

	if (ainka_target_gone(&hold->target))
		return true;
	return hold->held && hold->tun->ops->identity &&
	       (hold->tun->ops->identity(hold->tun, &identity) || identity != hold->identity);
}

static void refused(struct ainka_record *rec, u32 reason, int error)
{
	rec->verdict = AINKA_VERDICT_REFUSED;
	rec->reason = reason;
	rec->error = error;
}

/* What is there now; the text goes to saved->now. */
static int look(struct ainka_hold *hold, s64 *value)
{
	const struct ainka_tunable *tun = hold->tun;
	int err = tun->ops->read(tun, &hold->target, value);

	if (!err && hold->saved)
		err = tun->ops->save(tun, &hold->target, hold->saved->now);
	return err;
}

static bool is_foreign(const struct ainka_hold *hold, s64 current_value)
{
	if (hold->saved)
		return strcmp(hold->saved->now, hold->saved->written);
	return current_value != hold->written;
}

static bool is_baseline(const struct ainka_hold *hold, s64 current_value)
{
	if (hold->saved)
		return !strcmp(hold->saved->now, hold->saved->baseline);
	return current_value == hold->baseline;
}

static int put_back(struct ainka_hold *hold, const char *text, s64 value)
{
	const struct ainka_tunable *tun = hold->tun;

	return hold->saved ? tun->ops->restore(tun, &hold->target, text) :
			     tun->ops->write(tun, &hold->target, value);
}

/* Bring the value about; what was there is in saved->now. Returns false if it is not. */
static bool change(struct ainka_hold *hold, s64 value, s64 current_value,
		   struct ainka_record *rec)
{
	int err = hold->tun->ops->write(hold->tun, &hold->target, value);
	s64 after = value;

	if (!err) {
		/* the kernel may have rounded it; a foreign value is what differs from that */
		err = look(hold, &after);
		/* a number that cannot be read is taken for written, a text is not */
		if (err && !hold->saved)
			err = 0;
	} else if (hold->saved) {
		/* some of what is written together may have been */
		put_back(hold, hold->saved->now, current_value);
	}
	if (err) {
		refused(rec, AINKA_REASON_WRITE_ERROR, err);
		/* what is there now is what was there before */
		hold->written = current_value;
		return false;
	}
	hold->written = after;
	rec->new_value = after;
	if (hold->saved)
		strscpy(hold->saved->written, hold->saved->now, AINKA_SAVED_LEN);
	return true;
}

/* Read, compare, note, write. Returns false if the entry is of no use any more. */
static bool carry_out(struct ainka_hold *hold, s64 value, bool restore, struct ainka_record *rec)
{
	const struct ainka_tunable *tun = hold->tun;
	bool fresh = !hold->held;
	s64 current_value;
	int err;

	if (gone(hold)) {
		refused(rec, AINKA_REASON_SUBJECT_GONE, -ESRCH);
		return false;
	}
	err = look(hold, &current_value);
	if (!err && fresh && tun->ops->identity)
		err = tun->ops->identity(tun, &hold->identity);
	if (err) {
		refused(rec, AINKA_REASON_WRITE_ERROR, err);
		return !fresh;
	}
	rec->old_value = current_value;
	if (!fresh && is_foreign(hold, current_value)) {
		rec->old_value = hold->written;
		rec->new_value = current_value;
		rec->verdict = AINKA_VERDICT_YIELDED;
		rec->reason = AINKA_REASON_FOREIGN_VALUE;
		ainka_journal_yield(hold);
		return true;
	}
	rec->new_value = value;
	if (restore) {
		err = is_baseline(hold, current_value) ? 0 :
		      put_back(hold, hold->saved ? hold->saved->baseline : NULL, value);
		if (err)
			refused(rec, AINKA_REASON_WRITE_ERROR, err);
		return err;
	}
	if (fresh) {
		hold->baseline = current_value;
		hold->written = value;
		if (hold->saved) {
			strscpy(hold->saved->baseline, hold->saved->now, AINKA_SAVED_LEN);
			strscpy(hold->saved->written, hold->saved->now, AINKA_SAVED_LEN);
		}
		/* the fork probe must find what a child may copy from now on */
		smp_store_release(&hold->held, true);
	} else {
		hold->written = value;
	}
	if (current_value == value)
		return true;
	return change(hold, value, current_value, rec) || !fresh;
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
	if (hold->target.subject == AINKA_SUBJECT_TASK && restore && rec->verdict == AINKA_VERDICT_RESTORED)
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
 * @wanted: what the policy asked for
 * @rec: the decision, with verdict and reason if it succeeds; journalled here
 *
 * Context: ainka_journal_lock held. The entry may be gone afterwards.
 */
void ainka_journal_set(struct ainka_hold *hold, s64 value, s64 wanted, struct ainka_record *rec)
{
	if (hold->ghost_ns) {
		hold->ghost_ns = 0;
		hold->held = false;
	}
	hold->inherited = false;
	hold->wanted = wanted;
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
