// SPDX-License-Identifier: GPL-2.0
/*
 * What the policies would choose, for who asks from another module. The fast
 * worker looks, because what it knows of the subjects is its own; reading the
 * tunable, which may take long, is the asker's part.
 */
#include <linux/ainka.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "engine.h"
#include "journal.h"
#include "recommend.h"
#include "signals.h"
#include "table.h"
#include "want.h"

/* struct request - a question on its way to the fast worker */
struct request {
	struct kthread_work work;
	const struct ainka_tunable *tun;
	const struct ainka_target *target;
	s64 present;
	struct ainka_recommendation *out;
	int err;
};

static void look(struct kthread_work *work)
{
	struct request *req = container_of(work, struct request, work);
	static struct ainka_round round;	/* the worker's, large for its stack */
	const struct ainka_hold *hold;
	struct ainka_policy *policy;
	s64 baseline = req->present;
	bool clamped;

	round.now_ns = ktime_get_ns();
	ainka_signals_bank(round.now_ns, round.val, round.fresh);
	mutex_lock(&ainka_table_lock);
	mutex_lock(&ainka_journal_lock);
	hold = ainka_journal_find(req->tun, req->target);
	if (hold && hold->held && !hold->ghost_ns)
		baseline = hold->baseline;
	policy = ainka_want_winner(req->tun, &req->target->key, true);
	if (policy) {
		req->out->value = ainka_want_value(&round, policy, req->tun, &req->target->key,
						   baseline, &clamped);
		req->out->policy_version = policy->version;
		req->out->mode = policy->mode;
		strscpy(req->out->policy, policy->name, sizeof(req->out->policy));
		strscpy(req->out->when, policy->when_text, sizeof(req->out->when));
		req->err = 0;
	}
	mutex_unlock(&ainka_journal_lock);
	mutex_unlock(&ainka_table_lock);
}

/**
 * ainka_recommend() - what would the policies choose for a tunable?
 * @tunable: its name
 * @pid: of which task, or 0
 * @out: gets the answer; the value before a step limit
 *
 * Context: may sleep; not the fast worker.
 *
 * Return: 0 or a negative errno, see ainka_get_recommendation().
 */
int ainka_recommend(const char *tunable, pid_t pid, struct ainka_recommendation *out)
{
	struct request req = { .tun = ainka_tunable_find(tunable), .out = out, .err = -ENODATA };
	struct ainka_key key = { .num = pid };
	struct ainka_target target;

	memset(out, 0, sizeof(*out));
	if (!req.tun)
		return -ENOENT;
	if (req.tun->absent)
		return -ENODEV;
	if (req.tun->subject > AINKA_SUBJECT_TASK)
		return -EOPNOTSUPP;
	if (req.tun->subject == AINKA_SUBJECT_SYSTEM ? pid : !pid)
		return -EINVAL;
	if ((pid && !ainka_task_identify(&key)) ||
	    !ainka_target_get(req.tun->subject, &key, &target))
		return -ESRCH;
	req.err = req.tun->ops->read(req.tun, &target, &req.present);
	if (req.err)
		goto out;
	out->present = req.present;
	req.err = -ENODATA;
	req.target = &target;
	kthread_init_work(&req.work, look);	/* on the stack, and flushed before it goes */
	ainka_engine_queue(&req.work);
	kthread_flush_work(&req.work);
out:
	ainka_target_put(&target);
	return req.err;
}
