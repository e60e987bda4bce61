// SPDX-License-Identifier: GPL-2.0
/*
 * What the scheduler does to the tasks: one program on sched_switch, and no map
 * from wake-ups to times. When a task is switched out, its sched_info.run_delay
 * already holds the delay before the run that ends now, so the difference to
 * the value seen last is the delay of this run.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ainka_events.h"
#include "hist.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ainka_sched_stats);
} sched_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AINKA_TASKS_MAX);
	__type(key, u32);
	__type(value, struct ainka_task_rec);
} tasks SEC(".maps");

#include "cgroup.h"

/*
 * @seq is odd between these two. The full barrier of a fetching add is needed
 * where stores may pass each other; x86 only has to be kept from reordering by
 * the compiler.
 */
static __always_inline void write_begin(struct ainka_task_rec *rec)
{
#ifdef __TARGET_ARCH_x86
	rec->seq++;
	barrier();
#else
	__sync_fetch_and_add(&rec->seq, 1);
#endif
}

static __always_inline void write_end(struct ainka_task_rec *rec)
{
#ifdef __TARGET_ARCH_x86
	barrier();
	rec->seq++;
#else
	__sync_fetch_and_add(&rec->seq, 1);
#endif
}

static __always_inline u32 state_of(struct task_struct *p)
{
	if (bpf_core_field_exists(p->__state))
		return p->__state;
	return ((struct task_struct___before_5_14 *)p)->state;
}

/*
 * From 6.12 on a task that sleeps may stay on its run queue for a while
 * (152e11f6df29 "sched/fair: Implement delayed dequeue"). When it is migrated
 * meanwhile, enqueue_task() starts its queueing time although it sleeps, and
 * its run delay comes to hold the sleep.
 */
static __always_inline bool stays_queued(struct task_struct *p)
{
	return bpf_core_field_exists(p->se.sched_delayed) && p->se.sched_delayed;
}

static __always_inline void count_delay(struct ainka_sched_stats *stats, u32 flags, u64 delay)
{
	u32 bucket = ainka_hist_bucket(delay);

	if (bucket >= AINKA_HIST_BUCKETS)
		return;
	stats->delay_ns += delay;
	stats->delays++;
	stats->delay_hist[bucket]++;
	if ((flags & (AINKA_TASK_SLEPT | AINKA_TASK_KTHREAD)) != AINKA_TASK_SLEPT)
		return;
	stats->wake_delay_ns += delay;
	stats->wake_delays++;
	stats->wake_delay_hist[bucket]++;
}

/* Some of a counter may be with other CPUs still, so that the rest is less than nothing. */
static __always_inline u32 pages(s64 count)
{
	return count > 0 ? count : 0;
}

/* As /proc/PID/status has it; nothing of the kernel's own tasks. */
static __always_inline u32 rss_pages(struct task_struct *p)
{
	struct mm_struct___before_6_2 *old = (void *)p->mm;
	struct mm_struct *mm = p->mm;

	if (bpf_core_field_exists(mm->rss_stat[0].count))
		return pages(mm->rss_stat[MM_FILEPAGES].count) +
		       pages(mm->rss_stat[MM_ANONPAGES].count) +
		       pages(mm->rss_stat[MM_SHMEMPAGES].count);
	/* the verifier of 6.1 takes no typedef of a struct in an array */
	if (bpf_core_field_exists(old->rss_stat.count))
		return pages(BPF_CORE_READ(old, rss_stat.count[MM_FILEPAGES].counter)) +
		       pages(BPF_CORE_READ(old, rss_stat.count[MM_ANONPAGES].counter)) +
		       pages(BPF_CORE_READ(old, rss_stat.count[MM_SHMEMPAGES].counter));
	return AINKA_RSS_UNKNOWN;
}

/* A window may be longer than AINKA_TASK_WINDOW_NS, but a run never straddles two. */
static __always_inline void roll_window(struct ainka_task_rec *rec, struct task_struct *p, u64 now)
{
	if (now - rec->cur.start_ns < AINKA_TASK_WINDOW_NS)
		return;
	rec->last = rec->cur;
	rec->cur = (struct ainka_task_win){ .start_ns = now, .rss_pages = rss_pages(p) };
}

/* The run of @prev, from @since (0 if that was not seen) to @now, is over. */
static __always_inline void run_ends(struct ainka_sched_stats *stats, struct task_struct *prev,
				     bool preempt, u64 since, u64 now)
{
	u32 pid = prev->pid, state = state_of(prev);
	bool sleeps = !preempt && state != TASK_RUNNING;
	struct ainka_task_rec *rec;
	u32 flags, migrations, moved;
	u64 total, delay, ran;
	bool delayed;

	ran = since ? now - since : 0;
	stats->busy_ns += ran;
	stats->voluntary += sleeps;

	rec = bpf_map_lookup_elem(&tasks, &pid);
	if (!rec) {
		cgroup_ran(stats, prev, ran, false, 0, now);
		return;
	}

	flags = rec->flags;
	total = prev->sched_info.run_delay;
	delay = total - rec->delay_total_ns;
	if (flags & AINKA_TASK_SLEPT)
		stats->wakeups++;
	migrations = prev->se.nr_migrations;
	moved = migrations - rec->migrations;
	stats->migrations += moved;
	delayed = !(flags & AINKA_TASK_DELAYED) || !moved;
	if (delayed)
		count_delay(stats, flags, delay);
	else
		delay = 0; /* not to be trusted */
	cgroup_ran(stats, prev, ran, delayed, delay, now);

	if (state & TASK_DEAD) {
		bpf_map_delete_elem(&tasks, &pid);
		return;
	}

	write_begin(rec);
	rec->on_cpu_ns = 0;
	rec->delay_total_ns = total;
	rec->migrations = migrations;
	rec->cur.migrations += moved;
	rec->cur.runs++;
	rec->cur.run_ns += ran;
	rec->cur.delay_ns += delay;
	if (delay > rec->cur.delay_max_ns)
		rec->cur.delay_max_ns = delay;
	if (flags & AINKA_TASK_SLEPT) {
		rec->cur.wakes++;
		rec->cur.wake_delay_ns += delay;
	}
	flags &= AINKA_TASK_KTHREAD;
	if (sleeps) {
		rec->cur.voluntary++;
		flags |= AINKA_TASK_SLEPT;
		if (stays_queued(prev))
			flags |= AINKA_TASK_DELAYED;
	} else {
		rec->cur.involuntary++;
	}
	rec->flags = flags;
	roll_window(rec, prev, now);
	write_end(rec);
}

/* First sight of @next: what was before does not count. */
static __always_inline void task_appears(struct ainka_sched_stats *stats, struct task_struct *next,
					 u32 pid, u64 now)
{
	struct ainka_task_rec rec = {
		/* so that a reader of a reused element does not meet the number it saw before */
		.seq = (u32)now & ~1U,
		.pid = pid,
		.tgid = next->tgid,
		.flags = next->flags & PF_KTHREAD ? AINKA_TASK_KTHREAD : 0,
		.start_ns = next->start_time,
		.on_cpu_ns = now,
		.delay_total_ns = next->sched_info.run_delay,
		.migrations = next->se.nr_migrations,
		.cur.start_ns = now,
		.cur.rss_pages = rss_pages(next),
	};

	if (bpf_map_update_elem(&tasks, &pid, &rec, BPF_ANY))
		stats->drops++;
}

static __always_inline void run_begins(struct ainka_sched_stats *stats, struct task_struct *next,
				       u64 now)
{
	struct ainka_task_rec *rec;
	u32 pid = next->pid;

	rec = bpf_map_lookup_elem(&tasks, &pid);
	if (!rec || rec->start_ns != next->start_time) {
		task_appears(stats, next, pid, now);
		return;
	}
	write_begin(rec);
	rec->on_cpu_ns = now;
	roll_window(rec, next, now);
	write_end(rec);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct ainka_sched_stats *stats;
	u32 zero = 0;
	u64 now;

	stats = bpf_map_lookup_elem(&sched_stats, &zero);
	if (!stats)
		return 0;
	now = bpf_ktime_get_ns();
	stats->switches++;
	if (prev->pid)
		run_ends(stats, prev, preempt, stats->last_ns, now);
	stats->last_ns = now;
	stats->running = next->pid;
	stats->cgroup = next->pid ? cgroup_of(next) : 0;
	if (next->pid)
		run_begins(stats, next, now);
	return 0;
}

/* A thread that executes takes over its leader's pid: its record moves with it, emptied. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *p, int old_pid)
{
	struct ainka_sched_stats *stats;
	u32 pid = old_pid, zero = 0;

	if (old_pid == p->pid)
		return 0;
	bpf_map_delete_elem(&tasks, &pid);
	stats = bpf_map_lookup_elem(&sched_stats, &zero);
	if (stats)
		task_appears(stats, p, p->pid, bpf_ktime_get_ns());
	return 0;
}
