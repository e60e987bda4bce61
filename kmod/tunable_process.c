// SPDX-License-Identifier: GPL-2.0
/*
 * What a process has once, for all its threads: the adjustment of its OOM score,
 * and whether it is stopped. Both are in its signal_struct, which is there as
 * long as the reference to the task through which it was found.
 */
#include <linux/errno.h>
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "tunable.h"

/* Lower would all but exempt it from being killed. */
#define OOM_MIN (-900)

/* ---- oom_score_adj ---- */

static int oom_read(const struct ainka_tunable *tun, const struct ainka_target *target,
		    s64 *value)
{
	*value = READ_ONCE(target->task->signal->oom_score_adj);
	return 0;
}

/* The memory of a process, referenced, if other processes share it. */
static struct mm_struct *shared_memory(struct task_struct *task)
{
	struct mm_struct *mm = NULL;
	struct task_struct *thread;

	rcu_read_lock();
	for_each_thread(task, thread) {
		task_lock(thread);
		if (thread->mm && test_bit(MMF_MULTIPROCESS, &thread->mm->flags)) {
			mm = thread->mm;
			mmgrab(mm);
		}
		task_unlock(thread);
		if (mm)
			break;
	}
	rcu_read_unlock();
	return mm;
}

static bool uses(struct task_struct *process, const struct mm_struct *mm)
{
	struct task_struct *thread;

	for_each_thread(process, thread)
		if (READ_ONCE(thread->mm))
			return thread->mm == mm;
	return false;
}

/* As a write to /proc/PID/oom_score_adj does: processes that share memory have the same. */
static int oom_write(const struct ainka_tunable *tun, const struct ainka_target *target,
		     s64 value)
{
	struct task_struct *process;
	struct mm_struct *mm;

	WRITE_ONCE(target->task->signal->oom_score_adj, value);
	if (READ_ONCE(target->task->vfork_done))
		return 0;
	mm = shared_memory(target->task);
	if (!mm)
		return 0;
	rcu_read_lock();
	for_each_process(process)
		if (!(process->flags & PF_KTHREAD) && !is_global_init(process) &&
		    !READ_ONCE(process->vfork_done) && uses(process, mm))
			WRITE_ONCE(process->signal->oom_score_adj, value);
	rcu_read_unlock();
	mmdrop(mm);
	return 0;
}

static const struct ainka_tunable_ops oom_ops = { .read = oom_read, .write = oom_write };

/* ---- stopped ---- */

/* A stop that has been ordered counts: threads obey when they get to it. */
static bool stopped(const struct signal_struct *signal)
{
	return signal->flags & SIGNAL_STOP_STOPPED || signal->group_stop_count > 0 ||
	       sigismember((sigset_t *)&signal->shared_pending.signal, SIGSTOP);
}

/* Look under the lock of a thread's signals; lock_task_sighand() is not exported. */
static bool look_stopped(struct task_struct *thread, s64 *value)
{
	struct sighand_struct *sighand;
	unsigned long flags;
	bool same;

	do {
		sighand = rcu_dereference(thread->sighand);
		if (!sighand)
			return false;
		/* its memory stays a sighand_struct (SLAB_TYPESAFE_BY_RCU), if another's */
		spin_lock_irqsave(&sighand->siglock, flags);
		same = sighand == rcu_access_pointer(thread->sighand);
		if (same)
			*value = stopped(thread->signal);
		spin_unlock_irqrestore(&sighand->siglock, flags);
	} while (!same);
	return true;
}

static int stopped_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			s64 *value)
{
	struct task_struct *thread;
	bool seen = false;

	rcu_read_lock();
	/* all living threads have the same; one that has ended has none */
	for_each_thread(target->task, thread) {
		seen = look_stopped(thread, value);
		if (seen)
			break;
	}
	rcu_read_unlock();
	return seen ? 0 : -ESRCH;
}

static int stopped_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			 s64 value)
{
	struct pid *pid;
	int err = -ESRCH;

	rcu_read_lock();
	pid = READ_ONCE(target->task->signal->pids[PIDTYPE_TGID]);
	if (pid)
		err = kill_pid(pid, value ? SIGSTOP : SIGCONT, 1);
	rcu_read_unlock();
	return err;
}

/* What somebody else has stopped stays stopped. */
static s64 stopped_limit(const struct ainka_tunable *tun, const struct ainka_target *target,
			 s64 baseline, s64 present, s64 value)
{
	return baseline ? 1 : value;
}

static const struct ainka_tunable_ops stopped_ops = {
	.read = stopped_read,
	.write = stopped_write,
	.limit = stopped_limit,
};

static const struct ainka_tunable tunables[] = {
	{
		.name = "task.oom_score_adj",
		.unit = "permille",
		.bounds = { .min = OOM_MIN, .max = 1000 },
		.kind = AINKA_KIND_TASK,
		.subject = AINKA_SUBJECT_TASK,
		.lane = AINKA_LANE_FAST,
		.ops = &oom_ops,
		.of_process = true,
	}, {
		.name = "task.stopped",
		.unit = "flag",
		.bounds = { .min = 0, .max = 1, .values = "no=0 yes=1" },
		.kind = AINKA_KIND_TASK,
		.subject = AINKA_SUBJECT_TASK,
		.lane = AINKA_LANE_FAST,
		.ops = &stopped_ops,
		.of_process = true,
	},
};

/**
 * ainka_process_init() - register the tunables of processes
 *
 * Return: 0 or a negative errno.
 */
int ainka_process_init(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(tunables); i++)
		err = ainka_tunable_add(&tunables[i]);
	return err;
}
