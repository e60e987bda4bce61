// SPDX-License-Identifier: GPL-2.0
/*
 * Which process forks how often, posted as an event the moment it changes by an
 * eighth, so that a policy for fork storms need not wait for a tick. The rate
 * of the whole machine is the module's own.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "rate.h"
#include "signals_gen.h"

char LICENSE[] SEC("license") = "GPL";

/* kmod/kfunc.c */
extern int bpf_ainka_event(u32 signal, u32 pid, u64 start_ns, s64 value) __ksym;

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
