// SPDX-License-Identifier: GPL-2.0
/*
 * Tunables of a task: nice and scheduling policy. A task is its task_struct, to
 * which the caller holds a reference; a pid can come to mean another one.
 */
#include <linux/errno.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <uapi/linux/sched.h>
#include <uapi/linux/sched/types.h>

#include "lease.h"
#include "params.h"
#include "tunable.h"

/* Policies between which a task can go back and forth without losing anything. */
static bool fair_policy(unsigned int policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static int nice_read(const struct ainka_tunable *tun,
		     const struct ainka_target *target, s64 *value)
{
	*value = task_nice(target->task);
	return 0;
}

static int nice_write(const struct ainka_tunable *tun,
		      const struct ainka_target *target, s64 value)
{
	set_user_nice(target->task, value);
	return task_nice(target->task) == value ? 0 : -EIO;
}

static const struct ainka_tunable_ops nice_ops = { .read = nice_read, .write = nice_write };

static int policy_read(const struct ainka_tunable *tun,
		       const struct ainka_target *target, s64 *value)
{
	*value = READ_ONCE(target->task->policy);
	return 0;
}

static int policy_write(const struct ainka_tunable *tun,
			const struct ainka_target *target, s64 value)
{
	struct task_struct *task = target->task;
	struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = value,
		.sched_nice = task_nice(task),
	};

	if (!fair_policy(READ_ONCE(task->policy)))
		return -EPERM;
	/* setting the policy sets these too: pass on what the task has */
	if (task->sched_reset_on_fork)
		attr.sched_flags |= SCHED_FLAG_RESET_ON_FORK;
#ifdef AINKA_HAVE_CUSTOM_SLICE
	if (task->se.custom_slice)
		attr.sched_runtime = task->se.slice;
#endif
	return sched_setattr_nocheck(task, &attr);
}

static const struct ainka_tunable_ops policy_ops = {
	.read = policy_read,
	.write = policy_write,
};

static const struct ainka_tunable tunables[] = {
	{
		.name = "task.nice",
		.unit = "nice",
		.bounds = { .min = MIN_NICE, .max = MAX_NICE },
		.kind = AINKA_KIND_TASK,
		.subject = AINKA_SUBJECT_TASK,
		.lane = AINKA_LANE_FAST,
		.ops = &nice_ops,
	}, {
		.name = "task.policy",
		.unit = "policy",
		.bounds = {
			.min = SCHED_NORMAL,
			.max = SCHED_IDLE,
			.values = "other=0 batch=3 idle=5",
		},
		.kind = AINKA_KIND_TASK,
		.subject = AINKA_SUBJECT_TASK,
		.lane = AINKA_LANE_FAST,
		.ops = &policy_ops,
	},
};

/**
 * ainka_task_init() - register the tunables of tasks
 *
 * Return: 0 or a negative errno.
 */
int ainka_task_init(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(tunables); i++)
		err = ainka_tunable_add(&tunables[i]);
	return err;
}

/**
 * ainka_task_get() - the task of a pid, if it still is the one that is meant
 * @pid: in the initial pid namespace
 * @start_ns: when it was started
 *
 * Return: the task with a reference, or NULL if it is gone or its pid another's.
 */
struct task_struct *ainka_task_get(u32 pid, u64 start_ns)
{
	struct pid *number = find_get_pid(pid);
	struct task_struct *task = get_pid_task(number, PIDTYPE_PID);

	put_pid(number);
	if (task && task->start_time != start_ns) {
		put_task_struct(task);
		return NULL;
	}
	return task;
}

/**
 * ainka_task_identify() - which task somebody means who knows little more than its pid
 * @key: its pid, and its start time or 0; gets the start time
 *
 * Return: false if there is no such task, or it is not the one that is meant.
 */
bool ainka_task_identify(struct ainka_key *key)
{
	struct task_struct *task;
	bool same;

	rcu_read_lock();
	task = pid_task(find_pid_ns(key->num, &init_pid_ns), PIDTYPE_PID);
	same = task && (!key->id || task->start_time == key->id);
	if (same)
		key->id = task->start_time;
	rcu_read_unlock();
	return same;
}

/**
 * ainka_task_gone() - has a task ended?
 * @task: the task
 *
 * Return: true when there is nothing left of it to change.
 */
bool ainka_task_gone(struct task_struct *task)
{
	return !pid_alive(task) || READ_ONCE(task->exit_state);
}

/**
 * ainka_process_gone() - has a process ended?
 * @task: any task of it, alive or not
 *
 * Return: true when none of its threads is left.
 */
bool ainka_process_gone(struct task_struct *task)
{
	return !atomic_read(&task->signal->live);
}

/**
 * ainka_task_protected() - may this task be changed?
 * @task: the task
 *
 * Return: NULL if it may, else why not, in words.
 */
const char *ainka_task_protected(struct task_struct *task)
{
	char comm[TASK_COMM_LEN];

	if (task->flags & PF_KTHREAD)
		return "kernel thread";
	if (task->tgid == 1)
		return "init";
	if (!fair_policy(READ_ONCE(task->policy)))
		return "real-time or extensible scheduling class";
	if (ainka_lease_holder_is(task))
		return "the daemon itself";
	get_task_comm(comm, task);
	if (ainka_param_protects(comm))
		return "protected name";
	return NULL;
}
