/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The one source of the layouts that BPF programs share with the module and the
 * daemon. Only fixed-width types, no pointers, no implicit padding.
 */
#ifndef AINKA_EVENTS_H
#define AINKA_EVENTS_H

#ifndef AINKA_NO_TYPES
#include <linux/types.h>
#endif

/*
 * Log-linear histogram of nanoseconds: eight buckets an octave, so a bucket is
 * at most 12.5 % wide; the last one takes everything from 2^34 ns (17 s).
 * See kmod/core/hist.h.
 */
#define AINKA_HIST_BUCKETS	256

/*
 * What is under way, in one counter: each that begins at @ns adds AINKA_BEGUN(ns) to
 * it, and takes the same away when it ends. The sum over all CPUs is how many there
 * are, above AINKA_BEGUN_BITS bits that are the sum of their beginnings, in units of
 * 2^AINKA_BEGUN_SHIFT ns (4 ms): a single addition, so that neither is read without
 * the other.
 */
#define AINKA_BEGUN_SHIFT	22
#define AINKA_BEGUN_BITS	48
#define AINKA_BEGUN(ns)		((1ULL << AINKA_BEGUN_BITS) + ((ns) >> AINKA_BEGUN_SHIFT))

#define AINKA_TASKS_MAX		4096
#define AINKA_CGROUPS_MAX	512
#define AINKA_TASK_WINDOW_NS	500000000ULL

/* struct ainka_sched_stats - what one CPU has seen since the program started */
struct ainka_sched_stats {
	__u64 switches;
	__u64 voluntary;	/* switches in which the task went to sleep */
	__u64 busy_ns;		/* time of tasks other than idle */
	__u64 delay_ns;		/* run delay, all tasks */
	__u64 delays;
	__u64 wake_delay_ns;	/* run delay of runs that began with a wake-up, user tasks */
	__u64 wake_delays;
	__u64 wakeups;		/* runs that began with a wake-up, all tasks */
	__u64 migrations;	/* moves of tasks to another CPU, seen when their next run ends */
	__u64 drops;		/* tasks for which the map of tasks had no room */
	__u64 last_ns;		/* when this CPU switched last, CLOCK_MONOTONIC */
	__u64 cgroup;		/* id of the cgroup that runs since then, 0 for none */
	__u64 cgroup_drops;	/* runs for which the map of cgroups had no room */
	__u32 running;		/* pid on this CPU since then, 0 for idle; not yet in busy_ns */
	__u32 pad;
	__u32 delay_hist[AINKA_HIST_BUCKETS];
	__u32 wake_delay_hist[AINKA_HIST_BUCKETS];
};

/* struct ainka_task_win - sums over one window of a task */
struct ainka_task_win {
	__u64 start_ns;
	__u64 run_ns;
	__u64 delay_ns;
	__u64 delay_max_ns;
	__u64 wake_delay_ns;
	__u32 runs;
	__u32 wakes;
	__u32 voluntary;
	__u32 involuntary;
	__u32 migrations;	/* moves to another CPU */
	__u32 rss_pages;	/* resident memory of the process at @start_ns */
};

#define AINKA_RSS_UNKNOWN	(~0U)

#define AINKA_TASK_SLEPT	(1U << 0)	/* went to sleep at the last switch-out */
#define AINKA_TASK_KTHREAD	(1U << 1)
#define AINKA_TASK_DELAYED	(1U << 2)	/* stayed queued when it went to sleep, 6.12+ */

/*
 * struct ainka_task_rec - one task. Written only by the CPU that switches the
 * task; @seq is odd while that goes on, so that a reader of the hash map, whose
 * preallocated elements are reused under it, can tell a torn copy. A window is
 * closed at the first switch after AINKA_TASK_WINDOW_NS: @cur becomes @last.
 */
struct ainka_task_rec {
	__u32 seq;
	__u32 pid;
	__u32 tgid;
	__u32 flags;
	__u64 start_ns;		/* task_struct.start_time, the identity */
	__u64 on_cpu_ns;	/* on a CPU since, or 0 */
	__u64 delay_total_ns;	/* sched_info.run_delay when last looked at */
	__u32 migrations;	/* se.nr_migrations at the last switch-out */
	__u32 pad;
	struct ainka_task_win cur;
	struct ainka_task_win last;
};

/* Disks that are told apart, and requests under way whose times are known. */
#define AINKA_DEVS_MAX		256
#define AINKA_REQUESTS_MAX	16384

/* Streams of sequential reads that are told apart on one disk. */
#define AINKA_DEV_STREAMS	8

/*
 * What a stream may leave out and still go on, in sectors: pages that are cached
 * already are not read again. A read at random falls there by chance in 4 of 1000
 * cases on 1 GB, both ways of eight streams together.
 */
#define AINKA_DEV_SKIP		512

/* struct ainka_dev_dir - reads or writes of a disk that have completed */
struct ainka_dev_dir {
	__u64 ios;
	__u64 bytes;
	__u64 lat_ns;		/* from the request's beginning to its completion */
	__u64 queue_ns;		/* of it, until the driver got the request */
	__u32 lat_hist[AINKA_HIST_BUCKETS];
};

/*
 * struct ainka_dev_rec - one whole disk, by its device number. Counters only
 * grow, by atomic additions from any CPU, so a reader sees them at slightly
 * different moments. @seq is 0 while the record is set up and then tells one
 * use of the element from the next: it is the same around a copy, and the
 * number is the one looked for, or the copy is of no use.
 */
struct ainka_dev_rec {
	__u32 seq;
	__u32 devt;
	__u64 diskseq;		/* 0 before 5.15 */
	__u64 issued;		/* requests of every kind */
	__u64 completed;
	__u64 reads;		/* issued */
	__u64 sequential;	/* of them, those that go on with a stream, either way */
	__u64 begin[AINKA_DEV_STREAMS];	/* sectors from which the last streams were read */
	__u64 end[AINKA_DEV_STREAMS];	/* sectors up to which they were */
	__u32 oldest;		/* entry of both to be replaced */
	__u32 pad;
	struct ainka_dev_dir dir[2];	/* reads, writes */
	__u64 flushes;		/* of the disk's own cache, completed */
	__u64 flush_ns;
};

/* struct ainka_block_stats - what there was no room for, on one CPU */
struct ainka_block_stats {
	__u64 request_drops;	/* requests without times */
	__u64 dev_drops;	/* requests of disks without a record */
};

/* Two buckets of the histogram each, so at most 25 % wide. */
#define AINKA_CGROUP_BUCKETS	128

/*
 * struct ainka_cgroup_rec - the processes in one cgroup, not below it, since @seq.
 * CPUs add to it at the same time; every number only grows, so that a copy which
 * is not of one moment does no harm. A reader of the hash map, whose preallocated
 * elements are reused under it, compares @id and @seq before and after.
 */
struct ainka_cgroup_rec {
	__u64 id;
	__u64 seq;		/* when it was made, CLOCK_MONOTONIC; differs for each use */
	__u64 run_ns;		/* of runs that have ended */
	__u64 delay_ns;		/* run delay of these */
	__u64 delays;
	__u32 delay_hist[AINKA_CGROUP_BUCKETS];
};

/* Slots that BPF programs of all files share; what each is for: kmod/spec/signals.yaml. */
#define AINKA_COUNTERS_MAX	64
#define AINKA_TIMES_MAX		16

/* struct ainka_counters - what one CPU has counted, by enum ainka_counter */
struct ainka_counters {
	__u64 n[AINKA_COUNTERS_MAX];
};

/* Two buckets of the histogram each, so at most 25 % wide. */
#define AINKA_TIMES_BUCKETS	128

/* struct ainka_times - how long something took on one CPU */
struct ainka_times {
	__u64 sum_ns;
	__u64 n;
	__u32 hist[AINKA_TIMES_BUCKETS];
};

/* System calls that are told apart; those with larger numbers are counted as the last one. */
#define AINKA_CALLS_MAX		512

/* struct ainka_call_rec - calls of one number that have ended on one CPU */
struct ainka_call_rec {
	__u64 sum_ns;
	__u64 n;
	__u64 slow;
	__u32 hist[AINKA_TIMES_BUCKETS];
	__u32 waits;		/* 1: its purpose is to wait, and none is slow */
	__u32 pad;
};

/* What is told apart of a network interface: direction, then protocol. */
#define AINKA_TRAFFIC_INGRESS		0
#define AINKA_TRAFFIC_EGRESS		1
#define AINKA_TRAFFIC_DIRECTIONS	2
#define AINKA_TRAFFIC_TCP		0
#define AINKA_TRAFFIC_UDP		1
#define AINKA_TRAFFIC_ICMP		2
#define AINKA_TRAFFIC_ICMPV6		3
#define AINKA_TRAFFIC_ARP		4
#define AINKA_TRAFFIC_IPV4		5	/* other protocols above it */
#define AINKA_TRAFFIC_IPV6		6
#define AINKA_TRAFFIC_OTHER		7
#define AINKA_TRAFFIC_PROTOCOLS		8

/* struct ainka_traffic - what one CPU has seen of one direction and protocol */
struct ainka_traffic {
	__u64 packets;
	__u64 bytes;
};

/*
 * What happened, as records of one size: with the header of 8 bytes that a BPF
 * ring buffer puts before each they are 128 bytes apart, so that a reader takes
 * any number of them at once.
 */
#define AINKA_EV_FORK		0	/* a process was made */
#define AINKA_EV_EXEC		1
#define AINKA_EV_EXIT		2	/* the last thread of a process has ended */
#define AINKA_EV_THREAD_START	3	/* a thread other than the first */
#define AINKA_EV_THREAD_EXIT	4
#define AINKA_EV_OOM_KILL	5	/* a process is killed for lack of memory */
#define AINKA_EV_SLOW_CALL	6	/* a system call has taken longer than is wanted */
#define AINKA_EVENT_TYPES		7

#define AINKA_EVENT_KTHREAD	(1U << 0)	/* of the kernel itself */

#define AINKA_EVENT_RING_BYTES	(1U << 20)
/* Each length of time for which the events of a type on a CPU are limited. */
#define AINKA_EVENT_WINDOW_NS	100000000ULL
#define AINKA_EVENT_MAX_SHIFT	16

/*
 * struct ainka_event_rec - one event. Who: @pid and @start_ns, the identity that
 * is never used again; of a process they are those of its first thread.
 */
struct ainka_event_rec {
	__u64 time_ns;		/* CLOCK_MONOTONIC */
	__u64 start_ns;		/* task_struct.start_time */
	__u64 cgroup;		/* id of its cgroup (version 2), 0 for a thread of the kernel */
	__u16 type;
	__u16 flags;
	__u32 cpu;
	__u32 weight;		/* events of this type that this one stands for */
	__u32 pid;
	__u32 tgid;
	__u32 ppid;		/* process that is the parent */
	__u32 uid;
	__u32 gid;
	char comm[16];
	__s32 code;		/* exit: the status as wait(2) gives it; slow call: its number */
	__u32 other_pid;	/* exec: the thread before; oom kill: the process that wanted memory */
	__u64 cpu_ns;		/* exit: CPU time of all its threads */
	__u64 rss_pages;	/* exit: the most that was resident */
	__u64 duration_ns;	/* exit: how long it lived; slow call: how long that took */
	char other_comm[16];	/* of @other_pid */
};

/*
 * struct ainka_hook_counts - events of one type on one CPU. Each that was seen
 * was sent, or skipped (the hook runs hot, and one of 2^@shift is sent), or lost
 * (no room), or is of a type that is off.
 */
struct ainka_hook_counts {
	__u64 seen;
	__u64 sent;
	__u64 skipped;
	__u64 lost;
	__u64 window_ns;	/* when the present window began */
	__u32 in_window;	/* records sent in it */
	__u32 shift;
	__u32 budget;		/* most records of a window, set by the daemon; 0: the type is off */
	__u32 pad;
};

#endif
