// SPDX-License-Identifier: GPL-2.0
/*
 * The slow lane: ordinary workers for what may take milliseconds, or wait for a
 * disk. They also do the reading: an attribute that is slow to write is locked
 * for as long. Everything about one disk or cgroup is done by one worker, one
 * thing after another; those of others go on meanwhile.
 */
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/sched/prio.h>
#include <linux/slab.h>
#include <linux/stringhash.h>

#include "compat.h"
#include "decision.h"
#include "engine.h"
#include "journal.h"
#include "lane.h"

#define WORKERS		4

static struct kthread_worker *workers[WORKERS];
static atomic_t n_jobs;

/* An entry of the journal that something is done with. */
struct job {
	struct kthread_work work;
	struct ainka_hold *hold;
	struct ainka_record rec;
	s64 value;
	enum ainka_task task;
};

/* What a policy would set, to be told without doing it. */
struct telling {
	struct kthread_work work;
	const struct ainka_tunable *tun;
	struct ainka_target target;
	struct ainka_value value;
	s64 model;
	struct ainka_record rec;
};

/**
 * ainka_lane_init() - start the workers
 *
 * Return: 0 or a negative errno.
 */
int ainka_lane_init(void)
{
	char name[TASK_COMM_LEN];
	unsigned int i;
	int err;

	for (i = 0; i < WORKERS; i++) {
		snprintf(name, sizeof(name), "ainka_slow/%u", i);
		workers[i] = ainka_kthread_worker(name);
		if (IS_ERR(workers[i])) {
			err = PTR_ERR(workers[i]);
			workers[i] = NULL;
			ainka_lane_exit();
			return err;
		}
		/* too many tasks must not keep from work what is to help against them */
		set_user_nice(workers[i]->task, MIN_NICE);
	}
	return 0;
}

/**
 * ainka_lane_exit() - stop them
 */
void ainka_lane_exit(void)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		if (workers[i])
			kthread_destroy_worker(workers[i]);
		workers[i] = NULL;
	}
}

/**
 * ainka_lane_flush() - wait until there is nothing left to do
 */
void ainka_lane_flush(void)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		kthread_flush_worker(workers[i]);
}

/**
 * ainka_lane_busy() - is something being done, or about to be?
 *
 * Return: true if it is, and what it is done with may be locked.
 */
bool ainka_lane_busy(void)
{
	return atomic_read(&n_jobs);
}

static void queue(const struct ainka_tunable *tun, const struct ainka_target *target,
		  struct kthread_work *work)
{
	/* a disk has the same name whether it is the subject or a part of the tunable's name */
	const char *name = tun->kind == AINKA_KIND_BLOCK && !tun->arg ? target->label : tun->arg;
	u32 hash = name ? full_name_hash(NULL, name, strlen(name)) :
		   hash_64(target->key.id, 32);

	atomic_inc(&n_jobs);
	kthread_queue_work(workers[hash_32(hash, ilog2(WORKERS))], work);
}

static void job_fn(struct kthread_work *work)
{
	struct job *job = container_of(work, struct job, work);

	ainka_journal_work(job->hold, job->value, job->task, &job->rec);
	kfree(job);
	atomic_dec(&n_jobs);
	/* there may be something to be written now */
	ainka_engine_settle_soon();
}

/**
 * ainka_lane_queue() - do something with an entry of the journal
 * @hold: the entry; pending from now on
 * @value: what to write
 * @task: what to do
 * @rec: the decision
 *
 * Context: ainka_journal_lock held.
 */
void ainka_lane_queue(struct ainka_hold *hold, s64 value, enum ainka_task task,
		      const struct ainka_record *rec)
{
	/* cannot fail: getting back to the baseline must not depend on memory */
	struct job *job = kzalloc(sizeof(*job), GFP_KERNEL | __GFP_NOFAIL);

	kthread_init_work(&job->work, job_fn);
	job->hold = hold;
	job->value = value;
	job->task = task;
	job->rec = *rec;
	hold->pending = true;
	queue(hold->tun, &hold->target, &job->work);
}

static void tell(struct telling *telling)
{
	const struct ainka_tunable *tun = telling->tun;
	struct ainka_record *rec = &telling->rec;
	int err = tun->ops->read(tun, &telling->target, &rec->old_value);
	bool clamped;

	if (err) {
		rec->verdict = AINKA_VERDICT_REFUSED;
		rec->reason = ainka_journal_reason(err);
		rec->error = err;
	} else {
		rec->new_value = ainka_value_resolve(&telling->value, &tun->bounds, rec->old_value,
						     rec->old_value, telling->model, &clamped);
		if (tun->ops->limit)
			rec->new_value = tun->ops->limit(tun, &telling->target, rec->old_value,
							 rec->old_value, rec->new_value);
	}
	ainka_decision_log(rec);
	ainka_target_put(&telling->target);
	kfree(telling);
}

static void tell_fn(struct kthread_work *work)
{
	tell(container_of(work, struct telling, work));
	atomic_dec(&n_jobs);
}

/**
 * ainka_lane_tell() - journal what a policy would set
 * @tun: the tunable
 * @target: what it would be set on
 * @value: the value as the policy has it
 * @model: what the policy's model says, if the value is the model's
 * @rec: the decision
 *
 * What is fast to read is journalled when this returns.
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_lane_tell(const struct ainka_tunable *tun, const struct ainka_target *target,
		    const struct ainka_value *value, s64 model, const struct ainka_record *rec)
{
	struct telling *telling = kzalloc(sizeof(*telling), GFP_KERNEL);

	if (!telling)
		return -ENOMEM;
	telling->tun = tun;
	ainka_target_copy(target, &telling->target);
	telling->value = *value;
	telling->model = model;
	telling->rec = *rec;
	if (tun->lane == AINKA_LANE_FAST) {
		tell(telling);
		return 0;
	}
	kthread_init_work(&telling->work, tell_fn);
	queue(tun, target, &telling->work);
	return 0;
}
