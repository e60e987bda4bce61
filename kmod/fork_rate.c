// SPDX-License-Identifier: GPL-2.0
/*
 * How often tasks fork. The rate of the whole machine is counted here always;
 * that of each process by ebpf/proc.bpf.c, and here only where BPF programs
 * cannot post events. A rate that has changed by an eighth is posted at once, a
 * steady one once a second.
 */
#include <linux/hash.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "ainka_core.h"
#include "cgroup_stats.h"
#include "event.h"
#include "fork_rate.h"
#include "kfunc.h"
#include "rate.h"

#define PROCESS_BITS 7

/* struct process - the forks of one process; another one takes its place by and by */
struct process {
	u32 tgid;
	u64 start_ns;
	struct ainka_rate rate;
};

static struct ainka_rate machine;

/* protects processes */
static DEFINE_SPINLOCK(processes_lock);
static struct process processes[1 << PROCESS_BITS];

static void count_process(const struct task_struct *leader, u64 now_ns)
{
	struct process *process = &processes[hash_32(leader->pid, PROCESS_BITS)];
	u32 hz = 0;

	spin_lock(&processes_lock);
	if (process->tgid != leader->pid || process->start_ns != leader->start_time) {
		/* who forks more often keeps the place */
		if (ainka_rate_hz(&process->rate, now_ns) >= AINKA_RATE_FLOOR_HZ)
			goto out;
		memset(process, 0, sizeof(*process));
		process->tgid = leader->pid;
		process->start_ns = leader->start_time;
	}
	hz = ainka_rate_add(&process->rate, now_ns);
out:
	spin_unlock(&processes_lock);
	if (hz)
		ainka_event_post(AINKA_FROM_PROBE, AINKA_SIG_TASK_FORK_RATE_HZ, leader->pid,
				 leader->start_time, hz);
}

/**
 * ainka_fork_count() - a task has forked
 * @parent: the task
 *
 * Context: the probe of forks, which must not sleep.
 */
void ainka_fork_count(struct task_struct *parent)
{
	u64 now_ns = ktime_get_mono_fast_ns();
	u32 hz = ainka_rate_add(&machine, now_ns);

	if (hz) {
		ainka_event_post(AINKA_FROM_PROBE, AINKA_SIG_PROC_FORK_RATE_HZ, 0, 0, hz);
		ainka_cgroup_stats_forks(hz);
	}
	if (ainka_kfunc_absent() && !(parent->flags & PF_KTHREAD))
		count_process(parent->group_leader, now_ns);
}

/**
 * ainka_fork_rate() - new tasks of the whole machine
 * @now_ns: the present
 *
 * Return: how many a second.
 */
u32 ainka_fork_rate(u64 now_ns)
{
	return ainka_rate_hz(&machine, now_ns);
}
