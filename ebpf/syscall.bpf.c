// SPDX-License-Identifier: GPL-2.0
/*
 * How long system calls take, and files opened; loaded only where that is wanted,
 * since it costs something at every call. Calls whose purpose it is to wait are
 * only counted, so that what is said of the others means something.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "counters.h"
#include "event.h"
#include "waiting_calls.h"

char LICENSE[] SEC("license") = "GPL";

/* struct call - when a task began its system call, or 0 */
struct call {
	u64 since;
	u64 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls SEC(".maps");

/* From how many nanoseconds on a call is slow; the daemon sets it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} slow_call SEC(".maps");

SEC("tp_btf/sys_enter")
int BPF_PROG(call_begin, struct pt_regs *regs, long number)
{
	struct call *call;

	if (number >= 0 && number < WAITING_CALLS && waiting[number]) {
		count(AINKA_COUNTER_SYSCALL_WAITS, 1);
		return 0;
	}
	call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (call) {
		call->number = number;
		call->since = bpf_ktime_get_ns();
	}
	return 0;
}

static __always_inline void say_slow(struct task_struct *task, u64 number, u64 ns, u64 now)
{
	struct ainka_event_rec *rec = event_reserve(AINKA_EV_SLOW_CALL, now);

	if (!rec)
		return;
	event_of(rec, task);
	rec->code = number;
	rec->duration_ns = ns;
	bpf_ringbuf_submit(rec, 0);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_end)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 now, ns, *slow;
	struct call *call;
	u32 zero = 0;

	call = bpf_task_storage_get(&calls, task, 0, 0);
	if (!call || !call->since)
		return 0;
	now = bpf_ktime_get_ns();
	ns = now - call->since;
	call->since = 0;
	count_time(AINKA_TIMES_SYSCALL_CALL, ns);
	slow = bpf_map_lookup_elem(&slow_call, &zero);
	if (slow && *slow && ns >= *slow) {
		count(AINKA_COUNTER_SYSCALL_SLOW, 1);
		say_slow(task, call->number, ns, now);
	}
	return 0;
}

/* By whatever call, and for the programs that are executed. */
SEC("fexit/do_filp_open")
int BPF_PROG(file_open, int dir, struct filename *name, struct open_flags *flags,
	     struct file *file)
{
	count(AINKA_COUNTER_FS_OPENS, 1);
	if ((u64)file >= (u64)-MAX_ERRNO)
		count(AINKA_COUNTER_FS_OPEN_FAILURES, 1);
	return 0;
}
