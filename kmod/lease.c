// SPDX-License-Identifier: GPL-2.0
/*
 * The lease of the learner: what it pushed lives only while the process that
 * has /dev/ainka open for writing renews it. A crash closes the file, a hang
 * lets the time run out.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>

#include "engine.h"
#include "lease.h"
#include "params.h"

/* What is left for a successor to take over, after the holder is gone. */
#define GRACE_NS (1 * NSEC_PER_SEC)

/* protects everything below */
static DEFINE_SPINLOCK(lease_lock);
static struct file *holder;
static pid_t holder_tgid;
static u64 until_ns;

/**
 * ainka_lease_open() - become the holder of the lease
 * @file: /dev/ainka, opened for writing
 *
 * Return: 0, or -EBUSY while another has it open.
 */
int ainka_lease_open(struct file *file)
{
	int err = 0;

	spin_lock(&lease_lock);
	if (holder) {
		err = -EBUSY;
	} else {
		holder = file;
		holder_tgid = current->tgid;
	}
	spin_unlock(&lease_lock);
	return err;
}

/**
 * ainka_lease_release() - the holder has closed the device or died
 * @file: /dev/ainka, opened for writing
 */
void ainka_lease_release(struct file *file)
{
	u64 grace_ns = ktime_get_ns() + GRACE_NS;

	spin_lock(&lease_lock);
	holder = NULL;
	holder_tgid = 0;
	if (until_ns > grace_ns)
		until_ns = grace_ns;
	spin_unlock(&lease_lock);
	ainka_engine_kick();
}

/**
 * ainka_lease_renew() - prolong the lease
 * @duration_ms: from now, at most parameter lease_ms; 0 for that
 * @remaining_ms: gets what it lasts now
 *
 * Return: 0, or -EPERM if the caller's process does not hold the device open.
 */
int ainka_lease_renew(u32 duration_ms, u32 *remaining_ms)
{
	u32 longest_ms = READ_ONCE(ainka_lease_ms);
	int err = 0;

	if (!duration_ms || duration_ms > longest_ms)
		duration_ms = longest_ms;
	spin_lock(&lease_lock);
	if (!holder || holder_tgid != current->tgid)
		err = -EPERM;
	else
		until_ns = ktime_get_ns() + (u64)duration_ms * NSEC_PER_MSEC;
	spin_unlock(&lease_lock);
	*remaining_ms = duration_ms;
	if (!err)
		ainka_engine_kick();
	return err;
}

/**
 * ainka_lease_holder_is() - is this a thread of the holder, or a child of it?
 * @task: the task
 *
 * Return: true if it is.
 */
bool ainka_lease_holder_is(struct task_struct *task)
{
	pid_t tgid = READ_ONCE(holder_tgid), parent;

	rcu_read_lock();
	parent = rcu_dereference(task->real_parent)->tgid;
	rcu_read_unlock();
	return tgid && (task->tgid == tgid || parent == tgid);
}

/**
 * ainka_lease_holder_get() - the process that holds the lease
 *
 * Return: its leader with a reference, or NULL.
 */
struct task_struct *ainka_lease_holder_get(void)
{
	pid_t tgid = READ_ONCE(holder_tgid);
	struct task_struct *task = NULL;

	rcu_read_lock();
	if (tgid)
		task = pid_task(find_pid_ns(tgid, &init_pid_ns), PIDTYPE_TGID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

/**
 * ainka_lease_held_by_current() - may the caller push policies of the learner?
 *
 * Return: true if its process holds a running lease.
 */
bool ainka_lease_held_by_current(void)
{
	bool held;

	spin_lock(&lease_lock);
	held = holder && holder_tgid == current->tgid && until_ns > ktime_get_ns();
	spin_unlock(&lease_lock);
	return held;
}

/**
 * ainka_lease_left_ns() - what is left of the lease
 * @now_ns: the present
 *
 * Return: nanoseconds, 0 if there is none.
 */
u64 ainka_lease_left_ns(u64 now_ns)
{
	u64 left;

	spin_lock(&lease_lock);
	left = until_ns > now_ns ? until_ns - now_ns : 0;
	spin_unlock(&lease_lock);
	return left;
}

/**
 * ainka_lease_expired() - has the lease run out since the last call?
 * @now_ns: the present
 *
 * Return: true once after each lease.
 */
bool ainka_lease_expired(u64 now_ns)
{
	bool expired;

	spin_lock(&lease_lock);
	expired = until_ns && until_ns <= now_ns;
	if (expired)
		until_ns = 0;
	spin_unlock(&lease_lock);
	return expired;
}
