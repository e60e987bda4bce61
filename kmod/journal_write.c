// SPDX-License-Identifier: GPL-2.0
/*
 * Every write to a tunable: look, compare with what we wrote last, note what
 * will be written, write. A value that is not ours is the administrator's, and
 * ends our claim.
 */
#include <linux/ktime.h>
#include <linux/string.h>

#include "decision.h"
#include "journal.h"

/*
 * Is what an entry is about still there? -ESRCH if not, another error if that
 * cannot be told now: an entry that is forgotten for want of memory is a value
 * that outlives us.
 */
static int still_there(const struct ainka_hold *hold)
{
	const struct ainka_tunable *tun = hold->tun;
	u64 identity;
	int err;

	if (ainka_target_gone(&hold->target))
		return -ESRCH;
	if (!tun->ops->identity || !(hold->held || hold->looked))
		return 0;
	err = tun->ops->identity(tun, &hold->target, &identity);
	if (!err)
		return identity == hold->identity ? 0 : -ESRCH;
	return err == -ENODEV || err == -ENOENT ? -ESRCH : err;
}

/**
 * ainka_journal_gone() - is there nothing left of what an entry is about?
 * @hold: the entry
 *
 * Return: true if its subject, or the thing behind its name, is gone or another
 * one; false if that cannot be told now.
 */
bool ainka_journal_gone(const struct ainka_hold *hold)
{
	return still_there(hold) == -ESRCH;
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
	}
	if (err) {
		/* some of what is written together may have been */
		if (hold->saved)
			put_back(hold, hold->saved->written, current_value);
		refused(rec, ainka_journal_reason(err), err);
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

/* Two names of one thing must not be held at a time: their baselines would be each other's. */
static bool aliased(const struct ainka_hold *hold)
{
	const struct ainka_hold *other;
	struct hlist_node *tmp;
	bool found = false;
	int bucket;

	/* a disk is the only thing that has two */
	if (hold->tun->kind != AINKA_KIND_BLOCK || !hold->identity)
		return false;
	ainka_journal_each(other, tmp, bucket)
		found |= other != hold && (other->held || other->looked) &&
			 other->tun->ops == hold->tun->ops && other->identity == hold->identity;
	return found;
}

/* Find out where an entry begins, without a write. */
static int begin(struct ainka_hold *hold, s64 value)
{
	const struct ainka_tunable *tun = hold->tun;
	int err = tun->ops->identity ?
		  tun->ops->identity(tun, &hold->target, &hold->identity) : 0;

	if (err)
		return err;
	hold->baseline = value;
	hold->written = value;
	if (hold->saved) {
		strscpy(hold->saved->baseline, hold->saved->now, AINKA_SAVED_LEN);
		strscpy(hold->saved->written, hold->saved->now, AINKA_SAVED_LEN);
	}
	return 0;
}

/* Read, compare, note, write. Returns false if the entry is of no use any more. */
static bool carry_out(struct ainka_hold *hold, s64 value, bool restore, struct ainka_record *rec)
{
	bool fresh = !hold->held;
	s64 current_value;
	int err;

	err = still_there(hold);
	if (err == -ESRCH) {
		refused(rec, AINKA_REASON_SUBJECT_GONE, err);
		return false;
	}
	if (!err)
		err = look(hold, &current_value);
	if (!err && fresh)
		err = begin(hold, current_value);
	if (err == -EOPNOTSUPP && !fresh) {
		/* the attribute has gone, and what was set with it */
		refused(rec, AINKA_REASON_SUBJECT_GONE, err);
		return false;
	}
	if (err) {
		refused(rec, ainka_journal_reason(err), err);
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
	hold->written = value;
	if (fresh) {
		/* the fork probe must find what a child may copy from now on */
		smp_store_release(&hold->held, true);
	}
	if (current_value == value)
		return true;
	return change(hold, value, current_value, rec) || !fresh;
}

static void finish(struct ainka_hold *hold, bool keep, enum ainka_task task,
		   struct ainka_record *rec)
{
	bool could_not = rec->verdict == AINKA_VERDICT_REFUSED;
	bool task_back = hold->target.subject == AINKA_SUBJECT_TASK && task == AINKA_TASK_RESTORE;

	hold->pending = false;
	/* what cannot be done is tried again, but told once */
	if (could_not ? !hold->failed : task != AINKA_TASK_LOOK)
		ainka_decision_log(rec);
	if (task != AINKA_TASK_LOOK)
		hold->failed = could_not && task == AINKA_TASK_RESTORE;
	if (keep)
		return;
	if (task_back && rec->verdict == AINKA_VERDICT_RESTORED) {
		hold->ghost_ns = ktime_get_ns();
	} else if (could_not && task != AINKA_TASK_RESTORE && !ainka_journal_gone(hold)) {
		hold->held = false;
		hold->looked = false;
		hold->refused = true;
		hold->since_ns = ktime_get_ns();
	} else {
		ainka_journal_drop(hold);
	}
}

/* Find out where an entry begins, ahead of the first write. Returns false if it cannot begin. */
static bool look_around(struct ainka_hold *hold, struct ainka_record *rec)
{
	s64 value;
	int err = look(hold, &value);

	if (!err)
		err = begin(hold, value);
	if (err) {
		refused(rec, ainka_journal_reason(err), err);
		return false;
	}
	mutex_lock(&ainka_journal_lock);
	hold->looked = !aliased(hold);
	mutex_unlock(&ainka_journal_lock);
	if (!hold->looked)
		refused(rec, AINKA_REASON_OVERRIDDEN, 0);
	return hold->looked;
}

/**
 * ainka_journal_work() - do in the slow lane what was queued for it
 * @hold: the entry; pending, which keeps everybody else off it
 * @value: what to write
 * @task: what to do
 * @rec: the decision
 */
void ainka_journal_work(struct ainka_hold *hold, s64 value, enum ainka_task task,
			struct ainka_record *rec)
{
	bool keep = task == AINKA_TASK_LOOK ? look_around(hold, rec) :
		    carry_out(hold, value, task == AINKA_TASK_RESTORE, rec);

	mutex_lock(&ainka_journal_lock);
	finish(hold, keep, task, rec);
	mutex_unlock(&ainka_journal_lock);
}

static void write(struct ainka_hold *hold, s64 value, enum ainka_task task,
		  struct ainka_record *rec)
{
	bool keep;

	if (hold->tun->lane == AINKA_LANE_SLOW) {
		ainka_lane_queue(hold, value, task, rec);
		return;
	}
	keep = carry_out(hold, value, task == AINKA_TASK_RESTORE, rec);
	finish(hold, keep, task, rec);
}

static void whose(struct ainka_hold *hold, const struct ainka_record *rec)
{
	hold->policy_id = rec->policy_id;
	hold->policy_version = rec->policy_version;
	strscpy(hold->policy, rec->policy, sizeof(hold->policy));
}

/**
 * ainka_journal_look() - let the slow lane find out where a new entry begins
 * @hold: the entry
 * @rec: the decision that is to follow; journalled here if it cannot
 *
 * Context: ainka_journal_lock held.
 */
void ainka_journal_look(struct ainka_hold *hold, struct ainka_record *rec)
{
	whose(hold, rec);
	ainka_lane_queue(hold, 0, AINKA_TASK_LOOK, rec);
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
	hold->asked = value;
	whose(hold, rec);
	write(hold, value, AINKA_TASK_SET, rec);
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
	write(hold, hold->baseline, AINKA_TASK_RESTORE, rec);
}
