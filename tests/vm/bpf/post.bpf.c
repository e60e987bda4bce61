// SPDX-License-Identifier: GPL-2.0
/*
 * Posts an event when a task calls sched_get_priority_max(), which nobody else
 * does: what, about whom and how often is in the map config, the value is the
 * argument of the system call.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define NR_SCHED_GET_PRIORITY_MAX 146	/* x86-64 */

enum { SIGNAL, PID, START_NS, TIMES };

struct pt_regs {
	unsigned long di;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} config SEC(".maps");

/* How often each was returned, by negated errno. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} results SEC(".maps");

extern int bpf_ainka_event(u32 signal, u32 pid, u64 start_ns, s64 value) __ksym;

static u64 get(u32 key)
{
	u64 *value = bpf_map_lookup_elem(&config, &key);

	return value ? *value : 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_syscall, struct pt_regs *regs, long number)
{
	u32 i, times, key;
	u64 *count;

	if (number != NR_SCHED_GET_PRIORITY_MAX)
		return 0;
	times = get(TIMES);
	for (i = 0; i < 1000 && i < times; i++) {
		key = -bpf_ainka_event(get(SIGNAL), get(PID), get(START_NS), (int)regs->di);
		count = bpf_map_lookup_elem(&results, &key);
		if (count)
			__sync_fetch_and_add(count, 1);
	}
	return 0;
}
