// SPDX-License-Identifier: GPL-2.0
/*
 * What tasks wait for when they want memory, what comes into the page cache, and
 * who is killed for lack of memory.
 * When a wait began is kept with the task: it may sleep, and wake on another CPU.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "counters.h"
#include "event.h"

char LICENSE[] SEC("license") = "GPL";

/* struct waits - when a task began what it is in, or 0 */
struct waits {
	u64 fault_ns;
	u64 reclaim_ns;
	u64 cgroup_reclaim_ns;
	u64 compact_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct waits);
} waits SEC(".maps");

static __always_inline struct waits *waits_begin(void)
{
	return bpf_task_storage_get(&waits, bpf_get_current_task_btf(), 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline struct waits *waits_end(void)
{
	return bpf_task_storage_get(&waits, bpf_get_current_task_btf(), 0, 0);
}

/* It is over: count it if its beginning was seen. */
static __always_inline void over(enum ainka_times_slot slot, u64 *since)
{
	if (*since)
		count_time(slot, bpf_ktime_get_ns() - *since);
	*since = 0;
}

/*
 * Faults are too many to time them all: those at one page of eight are, by a hash
 * of the address, which needs no memory of what was decided.
 */
static __always_inline bool timed(unsigned long address)
{
	return (u32)(address >> 12) * 2654435761U < 1U << 29;
}

/* A fault that is tried again, its lock given up meanwhile, goes on. */
SEC("fentry/handle_mm_fault")
int BPF_PROG(fault_begin, struct vm_area_struct *vma, unsigned long address, unsigned int flags)
{
	struct waits *waits;

	if (!timed(address))
		return 0;
	waits = waits_begin();
	if (waits && (!waits->fault_ns || !(flags & FAULT_FLAG_TRIED)))
		waits->fault_ns = bpf_ktime_get_ns();
	return 0;
}

/* As mm_account_fault() does: what failed is no fault, and who waited has a major one. */
SEC("fexit/handle_mm_fault")
int BPF_PROG(fault_end, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs, unsigned int ret)
{
	struct waits *waits;

	if (!timed(address) || ret & VM_FAULT_RETRY)
		return 0;
	waits = waits_end();
	if (!waits)
		return 0;
	if (ret & VM_FAULT_ERROR)
		waits->fault_ns = 0;
	else if (ret & VM_FAULT_MAJOR || flags & FAULT_FLAG_TRIED)
		over(AINKA_TIMES_MEM_MAJOR_FAULT, &waits->fault_ns);
	else
		over(AINKA_TIMES_MEM_MINOR_FAULT, &waits->fault_ns);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(reclaim_begin)
{
	struct waits *waits = waits_begin();

	if (waits)
		waits->reclaim_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(reclaim_end)
{
	struct waits *waits = waits_end();

	if (waits)
		over(AINKA_TIMES_MEM_RECLAIM, &waits->reclaim_ns);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(cg_reclaim_begin)
{
	struct waits *waits = waits_begin();

	if (waits)
		waits->cgroup_reclaim_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(cg_reclaim_end)
{
	struct waits *waits = waits_end();

	if (waits)
		over(AINKA_TIMES_MEM_CGROUP_RECLAIM, &waits->cgroup_reclaim_ns);
	return 0;
}

SEC("fentry/try_to_compact_pages")
int BPF_PROG(compact_begin)
{
	struct waits *waits = waits_begin();

	if (waits)
		waits->compact_ns = bpf_ktime_get_ns();
	return 0;
}

/* As the kernel's compact_stall has it: what was not worth a try does not count. */
SEC("fexit/try_to_compact_pages")
int BPF_PROG(compact_end, unsigned int gfp, unsigned int order, unsigned int alloc_flags,
	     struct alloc_context *ac, int prio, void *capture, int result)
{
	struct waits *waits = waits_end();

	if (!waits)
		return 0;
	if (result == COMPACT_SKIPPED)
		waits->compact_ns = 0;
	else
		over(AINKA_TIMES_MEM_COMPACTION, &waits->compact_ns);
	return 0;
}

static __always_inline u64 pages_of(struct folio *folio)
{
	if (!(folio->flags & 1UL << bpf_core_enum_value(enum pageflags, PG_head)))
		return 1;
	if (!bpf_core_field_exists(folio->_folio_nr_pages))
		return 1;
	return folio->_folio_nr_pages;
}

SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(cache_add, struct folio *folio)
{
	count(AINKA_COUNTER_MEM_CACHE_ADDS, pages_of(folio));
	return 0;
}

SEC("fentry/workingset_refault")
int BPF_PROG(cache_refault, struct folio *folio)
{
	count(AINKA_COUNTER_MEM_REFAULTS, pages_of(folio));
	return 0;
}

/* Runs for the task that wanted memory; of a group that is killed as a whole, for each. */
SEC("fentry/__oom_kill_process")
int BPF_PROG(oom_kill, struct task_struct *victim)
{
	struct task_struct *trigger = bpf_get_current_task_btf();
	struct ainka_event_rec *rec = event_reserve(AINKA_EV_OOM_KILL, bpf_ktime_get_ns());

	if (!rec)
		return 0;
	event_of(rec, victim->group_leader);
	rec->other_pid = trigger->tgid;
	bpf_probe_read_kernel(rec->other_comm, sizeof(rec->other_comm), trigger->comm);
	bpf_ringbuf_submit(rec, 0);
	return 0;
}
