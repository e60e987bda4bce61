/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Sums for each cgroup (version 2) of the runs of the processes in it. Many CPUs
 * may add to one at once, so they add atomically.
 */
#ifndef AINKA_CGROUP_BPF_H
#define AINKA_CGROUP_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AINKA_CGROUPS_MAX);
	__type(key, u64);
	__type(value, struct ainka_cgroup_rec);
} cgroups SEC(".maps");

/* The kernel's own tasks are in the root cgroup, which is not looked at. */
static __always_inline u64 cgroup_of(struct task_struct *p)
{
	if (p->flags & PF_KTHREAD || !bpf_core_field_exists(p->cgroups))
		return 0;
	return p->cgroups->dfl_cgrp->kn->id;
}

static __always_inline struct ainka_cgroup_rec *cgroup_rec(struct ainka_sched_stats *stats,
							   struct task_struct *p, u64 id,
							   u64 now)
{
	struct ainka_cgroup_rec *rec = bpf_map_lookup_elem(&cgroups, &id);
	/* too large for the stack; all zero but for two words */
	static const struct ainka_cgroup_rec empty;

	if (rec)
		return rec;
	/* the last steps of a task may be taken when its cgroup is gone already */
	if (p->flags & PF_EXITING || !(p->cgroups->dfl_cgrp->self.flags & CSS_ONLINE))
		return NULL;
	bpf_map_update_elem(&cgroups, &id, &empty, BPF_NOEXIST);
	rec = bpf_map_lookup_elem(&cgroups, &id);
	if (!rec) {
		stats->cgroup_drops++;
		return NULL;
	}
	rec->id = id;
	rec->seq = now;
	return rec;
}

/* A run of @p has ended; @delay counts if @delayed. */
static __always_inline void cgroup_ran(struct ainka_sched_stats *stats, struct task_struct *p,
				       u64 ran, bool delayed, u64 delay, u64 now)
{
	u32 bucket = ainka_hist_bucket(delay) / 2;
	struct ainka_cgroup_rec *rec;
	u64 id = cgroup_of(p);

	if (!id)
		return;
	rec = cgroup_rec(stats, p, id, now);
	if (!rec)
		return;
	__sync_fetch_and_add(&rec->run_ns, ran);
	if (!delayed || bucket >= AINKA_CGROUP_BUCKETS)
		return;
	__sync_fetch_and_add(&rec->delay_ns, delay);
	__sync_fetch_and_add(&rec->delays, 1);
	__sync_fetch_and_add(&rec->delay_hist[bucket], 1);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir, struct cgroup *cgrp)
{
	u64 id = cgrp->kn->id;

	bpf_map_delete_elem(&cgroups, &id);
	return 0;
}

#endif
