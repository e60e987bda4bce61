// SPDX-License-Identifier: GPL-2.0
/*
 * Posts an event from every kind of context there is, as often as it comes, and
 * counts what is returned: with the lock of a run queue held, in a hard
 * interrupt, in a non-maskable one, and from within another post.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

enum { SWITCH, TIMER, NMI, WITHIN };

/* The id of the signal. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} config SEC(".maps");

/* 64 for each context, by negated errno. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} results SEC(".maps");

extern int bpf_ainka_event(u32 signal, u32 pid, u64 start_ns, s64 value) __ksym;

static int post(u32 context)
{
	u32 zero = 0, key;
	u64 *signal = bpf_map_lookup_elem(&config, &zero), *count;

	/* attached before it is told what to post */
	if (!signal || !*signal)
		return 0;
	key = context * 64 - bpf_ainka_event(*signal, 0, 0, context);
	count = bpf_map_lookup_elem(&results, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return post(SWITCH);
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(on_timer, void *timer, void *now)
{
	return post(TIMER);
}

SEC("tp_btf/nmi_handler")
int BPF_PROG(on_nmi, void *handler, long delta_ns, int handled)
{
	return post(NMI);
}

/* What a post calls in the end, when it has been taken: the architecture's part of irq_work. */
SEC("fentry/arch_irq_work_raise")
int BPF_PROG(on_irq_work)
{
	return post(WITHIN);
}
