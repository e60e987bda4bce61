// SPDX-License-Identifier: GPL-2.0
/* What a tunable is set on: found by its key, held by reference, gone at some time. */
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include "cgroup.h"
#include "disk.h"
#include "target.h"
#include "tunable.h"

/* by enum ainka_subject */
const char *const ainka_subject_names[] = { "system", "task", "cgroup", "device" };

/* needs no reference */
const struct ainka_target ainka_target_system = { .subject = AINKA_SUBJECT_SYSTEM };

/**
 * ainka_target_get() - find a subject
 * @subject: enum ainka_subject
 * @key: its identity; ignored for the system
 * @target: gets it with a reference, to be given back by ainka_target_put()
 *
 * Return: false if there is no such subject any more.
 */
bool ainka_target_get(u32 subject, const struct ainka_key *key, struct ainka_target *target)
{
	struct task_struct *task;
	struct ainka_disk disk;

	memset(target, 0, sizeof(*target));
	target->subject = subject;
	switch (subject) {
	case AINKA_SUBJECT_SYSTEM:
		return true;
	case AINKA_SUBJECT_TASK:
		task = ainka_task_get(key->num, key->id);
		if (!task)
			return false;
		ainka_target_of_task(task, target);
		put_task_struct(task);
		return true;
	case AINKA_SUBJECT_CGROUP:
		return ainka_cgroup_get(key->id, target);
	case AINKA_SUBJECT_DEVICE:
		if (ainka_disk_same(key->num, key->id, &disk))
			return false;
		target->key = *key;
		strscpy(target->label, disk.name, sizeof(target->label));
		return true;
	default:
		return false;
	}
}

/**
 * ainka_target_of_task() - a task as a target
 * @task: the task
 * @target: gets it with a reference of its own
 *
 * Context: any; the fork probe calls it.
 */
void ainka_target_of_task(struct task_struct *task, struct ainka_target *target)
{
	memset(target, 0, sizeof(*target));
	target->subject = AINKA_SUBJECT_TASK;
	target->task = get_task_struct(task);
	target->object = task;
	target->key.num = task->pid;
	target->key.id = task->start_time;
	BUILD_BUG_ON(AINKA_LABEL_LEN < TASK_COMM_LEN);
	get_task_comm(*(char (*)[TASK_COMM_LEN])target->label, task);
}

/**
 * ainka_target_scope() - let a task stand for itself or for its process
 * @target: the target; nothing happens unless it is a task
 * @process: for its process
 *
 * The reference stays one to the task. A thread may end, and another take over
 * by exec, while the process lives on: its signal_struct is there as long as a
 * reference to any of its tasks.
 */
void ainka_target_scope(struct ainka_target *target, bool process)
{
	if (target->subject != AINKA_SUBJECT_TASK)
		return;
	if (process)
		target->object = target->task->signal;
	else
		target->object = target->task;
}

/**
 * ainka_target_copy() - a second reference to a subject
 * @from: the target
 * @to: gets the same with a reference of its own
 *
 * Context: any.
 */
void ainka_target_copy(const struct ainka_target *from, struct ainka_target *to)
{
	*to = *from;
	if (to->subject == AINKA_SUBJECT_TASK)
		get_task_struct(to->task);
	else if (to->subject == AINKA_SUBJECT_CGROUP)
		cgroup_get(to->cgroup);
}

/**
 * ainka_target_put() - give a reference back
 * @target: the target
 */
void ainka_target_put(struct ainka_target *target)
{
	if (target->subject == AINKA_SUBJECT_TASK)
		put_task_struct(target->task);
	else if (target->subject == AINKA_SUBJECT_CGROUP)
		cgroup_put(target->cgroup);
}

/**
 * ainka_target_gone() - is there nothing left of a subject that could be changed?
 * @target: the target
 *
 * Return: true if there is not; false if that cannot be told now.
 */
bool ainka_target_gone(const struct ainka_target *target)
{
	struct ainka_disk disk;

	switch (target->subject) {
	case AINKA_SUBJECT_TASK:
		return target->object == target->task ? ainka_task_gone(target->task) :
							ainka_process_gone(target->task);
	case AINKA_SUBJECT_CGROUP:
		return ainka_cgroup_gone(target->cgroup);
	case AINKA_SUBJECT_DEVICE:
		return ainka_disk_same(target->key.num, target->key.id, &disk) == -ENODEV;
	default:
		return false;
	}
}

/**
 * ainka_target_protected() - may this subject be changed?
 * @target: the target
 *
 * Return: NULL if it may, else why not, in words.
 */
const char *ainka_target_protected(const struct ainka_target *target)
{
	switch (target->subject) {
	case AINKA_SUBJECT_TASK:
		return ainka_task_protected(target->task);
	case AINKA_SUBJECT_CGROUP:
		return ainka_cgroup_protected(target);
	default:
		return NULL;
	}
}
