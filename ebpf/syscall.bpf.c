// SPDX-License-Identifier: GPL-2.0
/*
 * How long system calls take, each by its number and all together, and files
 * opened; loaded only where that is wanted, since it costs something at every
 * call. Calls whose purpose it is to wait are no part of what is said of all, so
 * that it means something.
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

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, AINKA_CALLS_MAX);
	__type(key, u32);
	__type(value, struct ainka_call_rec);
} call_times SEC(".maps");

static __always_inline bool waits(u64 number)
{
	return number < WAITING_CALLS && waiting[number];
}

SEC("tp_btf/sys_enter")
int BPF_PROG(call_begin, struct pt_regs *regs, long number)
{
	struct call *call;

	if (waits(number))
		count(AINKA_COUNTER_SYSCALL_WAITS, 1);
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

/* Atomic, as count_time() is. */
static __always_inline void count_call(u64 number, u64 ns, bool waits, bool slow)
{
	u32 bucket = ainka_hist_bucket(ns) / 2, key = number;
	struct ainka_call_rec *rec;

	if (number >= AINKA_CALLS_MAX)
		key = AINKA_CALLS_MAX - 1;
	rec = bpf_map_lookup_elem(&call_times, &key);
	if (!rec || bucket >= AINKA_TIMES_BUCKETS)
		return;
	__sync_fetch_and_add(&rec->sum_ns, ns);
	__sync_fetch_and_add(&rec->n, 1);
	__sync_fetch_and_add(&rec->hist[bucket], 1);
	if (waits)
		rec->waits = 1;
	if (slow)
		__sync_fetch_and_add(&rec->slow, 1);
}

static __always_inline bool is_slow(u64 ns)
{
	u32 zero = 0;
	u64 *least = bpf_map_lookup_elem(&slow_call, &zero);

	return least && *least && ns >= *least;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_end)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct call *call;
	u64 now, ns;
	bool slow;

	call = bpf_task_storage_get(&calls, task, 0, 0);
	if (!call || !call->since)
		return 0;
	now = bpf_ktime_get_ns();
	ns = now - call->since;
	call->since = 0;
	if (waits(call->number)) {
		count_call(call->number, ns, true, false);
		return 0;
	}
	slow = is_slow(ns);
	count_call(call->number, ns, false, slow);
	count_time(AINKA_TIMES_SYSCALL_CALL, ns);
	if (slow) {
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
