// SPDX-License-Identifier: GPL-2.0
/*
 * Processes and threads as they begin, execute and end, as events for the
 * daemon; and which process forks how often, posted as an event for policies
 * the moment it changes by an eighth, so that one for fork storms need not wait
 * for a tick, and once a second, so that it is not stale. The rate of the whole machine is the module's own.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ainka_events.h"
#include "counters.h"
#include "event.h"
#include "rate.h"

char LICENSE[] SEC("license") = "GPL";

/* kmod/kfunc.c; where it is missing only the program that calls it is refused */
extern int bpf_ainka_event(u32 signal, u32 pid, u64 start_ns, s64 value) __ksym __weak;

/* struct fork_rec - the forks of one process */
struct fork_rec {
	u64 start_ns;	/* of its leader, the identity */
	struct ainka_rate rate;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct fork_rec);
} forks SEC(".maps");

/* Start times of processes that have ended, by their number: see is_over(). */
#define ENDED_SLOTS 4096

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ENDED_SLOTS);
	__type(key, u32);
	__type(value, u64);
} ended SEC(".maps");

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_struct *leader = parent->group_leader;
	struct fork_rec new = { .start_ns = leader->start_time };
	u32 pid = leader->pid, hz;
	struct fork_rec *rec;

	if (parent->flags & PF_KTHREAD)
		return 0;
	rec = bpf_map_lookup_elem(&forks, &pid);
	if (!rec || rec->start_ns != new.start_ns) {
		bpf_map_update_elem(&forks, &pid, &new, BPF_ANY);
		rec = bpf_map_lookup_elem(&forks, &pid);
		if (!rec)
			return 0;
	}
	hz = ainka_rate_add(&rec->rate, bpf_ktime_get_ns());
	if (hz)
		bpf_ainka_event(AINKA_SIG_TASK_FORK_RATE_HZ, pid, new.start_ns, hz);
	return 0;
}

/* The child has not run yet, so its record is before all others about it. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 type = child->pid == child->tgid ? AINKA_EV_FORK : AINKA_EV_THREAD_START;
	struct ainka_event_rec *rec = event_reserve(type, bpf_ktime_get_ns());

	if (!rec)
		return 0;
	event_of(rec, child);
	bpf_ringbuf_submit(rec, 0);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *p, int old_pid)
{
	struct ainka_event_rec *rec;

	/* not between reserving and the check: verifiers before 6.4 lose track of the record */
	count(AINKA_COUNTER_PROC_EXECS, 1);
	rec = event_reserve(AINKA_EV_EXEC, bpf_ktime_get_ns());
	if (!rec)
		return 0;
	event_of(rec, p);
	rec->other_pid = old_pid;
	bpf_ringbuf_submit(rec, 0);
	return 0;
}

/*
 * Whether a process is over with the thread that ends now. A thread is no longer
 * counted as live some time before it comes here, so of several that end at once
 * each may see that none is left: the first one to leave the start time speaks.
 */
static __always_inline bool is_over(struct task_struct *leader, struct signal_struct *signal)
{
	u32 slot = leader->pid & (ENDED_SLOTS - 1);
	u64 start = leader->start_time, *seen;

	if (signal->live.counter)
		return false;
	seen = bpf_map_lookup_elem(&ended, &slot);
	return seen && __sync_lock_test_and_set(seen, start) != start;
}

static __always_inline void thread_ends(struct task_struct *p, u64 now)
{
	struct ainka_event_rec *rec;

	/* those that the kernel starts in a process are not seen when they begin */
	if (p->flags & (PF_IO_WORKER | PF_USER_WORKER))
		return;
	rec = event_reserve(AINKA_EV_THREAD_EXIT, now);
	if (!rec)
		return;
	event_of(rec, p);
	rec->cpu_ns = p->se.sum_exec_runtime;
	rec->duration_ns = now - rec->start_ns;
	bpf_ringbuf_submit(rec, 0);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *p)
{
	struct task_struct *leader = p->group_leader;
	struct signal_struct *signal = p->signal;
	u64 now = bpf_ktime_get_ns();
	struct ainka_event_rec *rec;

	if (p->pid != p->tgid)
		thread_ends(p, now);
	if (!is_over(leader, signal))
		return 0;
	rec = event_reserve(AINKA_EV_EXIT, now);
	if (!rec)
		return 0;
	event_of(rec, leader);
	/* as the parent will get it from wait(2) */
	rec->code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code :
							leader->exit_code;
	/* threads that are gone, this one, and the first, which stays to the end */
	rec->cpu_ns = signal->sum_sched_runtime + p->se.sum_exec_runtime;
	if (p->pid != p->tgid)
		rec->cpu_ns += leader->se.sum_exec_runtime;
	rec->rss_pages = signal->maxrss;
	rec->duration_ns = now - rec->start_ns;
	bpf_ringbuf_submit(rec, 0);
	return 0;
}
