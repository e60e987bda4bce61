/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Events for the daemon: one ring buffer and one table of counts that all object
 * files share (the daemon makes both and hands them to each object before it is
 * loaded). An object that is loaded without them has its own, in which every
 * type is off.
 *
 * The reader is woken when a record is put into a ring that it has emptied, as
 * the kernel does by itself; it lets a moment pass before it looks.
 */
#ifndef AINKA_EVENT_BPF_H
#define AINKA_EVENT_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, AINKA_EVENT_RING_BYTES);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, AINKA_EVENT_TYPES);
	__type(key, u32);
	__type(value, struct ainka_hook_counts);
} event_counts SEC(".maps");

/*
 * More are taken again, a step a window, when that would use half of the budget at
 * most, so that it does not go to and fro; all of them when nothing has happened for long.
 */
static __always_inline void event_window(struct ainka_hook_counts *counts, u64 now)
{
	if (now - counts->window_ns >= 2 * AINKA_EVENT_MAX_SHIFT * AINKA_EVENT_WINDOW_NS)
		counts->shift = 0;
	else if (counts->shift && counts->in_window < counts->budget / 4)
		counts->shift--;
	counts->window_ns = now;
	counts->in_window = 0;
}

/*
 * A record to be filled in and submitted, or NULL: it is not wanted, or there is
 * no room. Each time the budget of the window is used up, half as many of the
 * rest are taken, so a window has at most half a budget more for each doubling.
 */
static __always_inline struct ainka_event_rec *event_reserve(u32 type, u64 now)
{
	struct ainka_hook_counts *counts = bpf_map_lookup_elem(&event_counts, &type);
	struct ainka_event_rec *rec;

	if (!counts)
		return NULL;
	counts->seen++;
	if (!counts->budget)
		return NULL;
	if (now - counts->window_ns >= AINKA_EVENT_WINDOW_NS)
		event_window(counts, now);
	if (counts->in_window >= counts->budget) {
		if (counts->shift < AINKA_EVENT_MAX_SHIFT)
			counts->shift++;
		counts->in_window = counts->budget / 2;
	}
	if (counts->seen & ((1ULL << (counts->shift & 31)) - 1)) {
		counts->skipped++;
		return NULL;
	}
	rec = bpf_ringbuf_reserve(&events, sizeof(*rec), 0);
	if (!rec) {
		counts->lost++;
		return NULL;
	}
	counts->sent++;
	counts->in_window++;
	rec->type = type;
	rec->time_ns = now;
	rec->weight = 1U << (counts->shift & 31);
	return rec;
}

/* The rest of @rec for @p, which is a process (its first thread) or a thread. */
static __always_inline void event_of(struct ainka_event_rec *rec, struct task_struct *p)
{
	bool kthread = p->flags & PF_KTHREAD;

	rec->flags = kthread ? AINKA_EVENT_KTHREAD : 0;
	rec->cpu = bpf_get_smp_processor_id();
	rec->start_ns = p->start_time;
	rec->cgroup = 0;
	if (!kthread && bpf_core_field_exists(p->cgroups))
		rec->cgroup = p->cgroups->dfl_cgrp->kn->id;
	rec->pid = p->pid;
	rec->tgid = p->tgid;
	rec->ppid = p->real_parent->tgid;
	rec->uid = p->cred->uid.val;
	rec->gid = p->cred->gid.val;
	bpf_probe_read_kernel(rec->comm, sizeof(rec->comm), p->comm);
	rec->code = 0;
	rec->other_pid = 0;
	rec->cpu_ns = 0;
	rec->rss_pages = 0;
	rec->duration_ns = 0;
	__builtin_memset(rec->other_comm, 0, sizeof(rec->other_comm));
}

#endif
