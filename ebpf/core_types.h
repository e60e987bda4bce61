/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the BPF programs need of the kernel's types: fixed-width integers, the
 * few uapi constants, and partial structs whose offsets libbpf relocates to the
 * running kernel (CO-RE). No vmlinux.h and no header of an architecture, so one
 * object serves every kernel from 5.10 on.
 */
#ifndef AINKA_CORE_TYPES_BPF_H
#define AINKA_CORE_TYPES_BPF_H

/* These stand in for <linux/types.h> and for kmod/core/types.h. */
#define AINKA_NO_TYPES
#define AINKA_CORE_TYPES_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;

#define true 1
#define false 0

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

/* of a map's map_flags, and of bpf_task_storage_get() */
enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

/* include/linux/sched.h; these values have not changed since 4.14 */
#define TASK_RUNNING	0x0
#define TASK_DEAD	0x80
#define PF_EXITING	0x00000004
#define PF_IO_WORKER	0x00000010
#define PF_USER_WORKER	0x00004000	/* from 6.4 on */
#define PF_KTHREAD	0x00200000

/* include/linux/sched/signal.h */
#define SIGNAL_GROUP_EXIT	0x00000004

/* include/linux/blk_types.h; 0 is a read, 1 a write */
#define REQ_OP_MASK	0xff
#define REQ_OP_FLUSH	2

/* include/linux/kdev_t.h */
#define MINORBITS	20

/* include/linux/cgroup-defs.h */
#define CSS_ONLINE	(1 << 1)

/* include/linux/mm_types_task.h */
#define MM_FILEPAGES	0
#define MM_ANONPAGES	1
#define MM_SHMEMPAGES	3
#define NR_MM_COUNTERS	4

/* include/linux/mm_types.h; these have not changed since 5.9 */
#define VM_FAULT_MAJOR	0x0004
#define VM_FAULT_RETRY	0x0400
#define VM_FAULT_ERROR	0x0873
#define FAULT_FLAG_TRIED	0x20

/* mm/internal.h: enum compact_result */
#define COMPACT_SKIPPED	1

/* include/uapi/linux/in.h, include/net/tcp_states.h, include/net/tcp.h */
#define IPPROTO_TCP	6
#define TCP_ESTABLISHED	1
#define TCP_SYN_SENT	2
#define TCP_CLOSE	7
#define TCPHDR_SYN	0x02
#define TCPHDR_RST	0x04

/* include/linux/interrupt.h */
#define NET_RX_SOFTIRQ	3
#define BLOCK_SOFTIRQ	4

/* include/linux/err.h */
#define MAX_ERRNO	4095

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sched_info {
	unsigned long long run_delay;
};

struct sched_entity {
	u64 sum_exec_runtime;
	u64 nr_migrations;
	unsigned char sched_delayed;
};

struct kernfs_node {
	u64 id;
};

struct cgroup_subsys_state {
	unsigned int flags;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct counter {	/* atomic_t */
	int counter;
};

struct signal_struct {
	struct counter live;
	int group_exit_code;
	unsigned int flags;
	unsigned long long sum_sched_runtime;
	unsigned long maxrss;
};

struct id_value {	/* kuid_t, kgid_t */
	u32 val;
};

struct cred {
	struct id_value uid;
	struct id_value gid;
};

struct percpu_counter {
	s64 count;
};

struct mm_struct {
	struct percpu_counter rss_stat[NR_MM_COUNTERS];
};

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int exit_code;
	int pid;
	int tgid;
	u64 start_time;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	const struct cred *cred;
	char comm[16];
	struct signal_struct *signal;
	struct sched_entity se;
	struct sched_info sched_info;
	struct css_set *cgroups;
	struct mm_struct *mm;
};

/* The numbers differ between kernels. */
enum skb_drop_reason {
	SKB_DROP_REASON_NOT_SPECIFIED = 1,
	SKB_DROP_REASON_NO_SOCKET,
	SKB_DROP_REASON_TCP_CSUM,
	SKB_DROP_REASON_UDP_CSUM,
	SKB_DROP_REASON_IP_CSUM,
	SKB_DROP_REASON_ICMP_CSUM,
	SKB_DROP_REASON_SKB_CSUM,
	SKB_DROP_REASON_NETFILTER_DROP,
	SKB_DROP_REASON_SOCKET_RCVBUFF,
	SKB_DROP_REASON_SOCKET_BACKLOG,
	SKB_DROP_REASON_PROTO_MEM,
	SKB_DROP_REASON_CPU_BACKLOG,
	SKB_DROP_REASON_FULL_RING,
	SKB_DROP_REASON_QDISC_DROP,
};

struct sock {
	u16 sk_protocol;
	int sk_err;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
};

struct tcp_sock {
	u32 srtt_us;
};

struct sk_buff {
	char cb[48];
};

/* in the cb of a packet of TCP */
struct tcp_skb_cb {
	u16 tcp_gso_segs;
	u8 tcp_flags;
};

struct request_sock;
struct request_sock_ops;
struct tcp_request_sock_ops;
struct irqaction;
struct filename;
struct open_flags;
struct file;
struct vm_area_struct;
struct pt_regs;
struct alloc_context;

/* The number differs between kernels. */
enum pageflags {
	PG_head = 16,
};

struct folio {
	unsigned long flags;
	unsigned int _folio_nr_pages;
};

struct gendisk {
	int major;
	int first_minor;
	u64 diskseq;
};

struct request_queue {
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	u64 __sector;
	u64 start_time_ns;
};

/* before 5.14 (2f064a59a11f "sched: Change task_struct::state") */
struct task_struct___before_5_14 {
	volatile long state;
};

/* before 6.2 (f1a7941243c1 "mm: convert mm's rss stats into percpu_counter") */
struct long_counter {	/* atomic_long_t */
	s64 counter;
};

struct mm_rss_stat {
	struct long_counter count[NR_MM_COUNTERS];
};

struct mm_struct___before_6_2 {
	struct mm_rss_stat rss_stat;
};

#pragma clang attribute pop

#endif
