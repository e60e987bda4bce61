/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * Binary layouts of the doors that are not netlink: the ring of /dev/ainka and
 * the blob of a model. `make generate` derives the Python tables from their BTF.
 */
#ifndef _UAPI_LINUX_AINKA_ABI_H
#define _UAPI_LINUX_AINKA_ABI_H

#include <linux/types.h>

#define AINKA_LABEL_LEN		64
#define AINKA_PATH_LEN		240
#define AINKA_MAX_CAUSES	4

/* enum ainka_record_type - what a record of the ring holds */
enum ainka_record_type {
	AINKA_RECORD_DECISION = 1,
};

/**
 * struct ainka_record - one record of the journal
 * @id: number of the decision, from 1
 * @time_ns: CLOCK_MONOTONIC
 * @type: enum ainka_record_type
 * @cpu: CPU that wrote it
 * @policy_id: number of the policy
 * @policy_version: its version
 * @verdict: enum ainka_verdict
 * @reason: enum ainka_reason
 * @error: negative errno of a failed write
 * @pid: task it is about, else 0
 * @subject_id: of a task its start time in nanoseconds, CLOCK_MONOTONIC; of a cgroup its
 *	id; of a device its disk sequence number; 0 for the system
 * @old_value: value before
 * @new_value: value after
 * @leaf: node of the model that was reached
 * @n_causes: entries used in @cause_signal and @cause_value
 * @subject: enum ainka_subject
 * @cause_signal: ids of the signals the condition read
 * @cause_value: their values
 * @policy: name of the policy, NUL-terminated
 * @tunable: name of the tunable, NUL-terminated
 * @label: what the subject is called, NUL-terminated: the command name of a task, the
 *	path of a cgroup, the name of a device
 * @path: the terms of the condition with their values, NUL-terminated
 */
struct ainka_record {
	__u64 id;
	__u64 time_ns;
	__u16 type;
	__u16 cpu;
	__u32 policy_id;
	__u32 policy_version;
	__u16 verdict;
	__u16 reason;
	__s32 error;
	__u32 pid;
	__u64 subject_id;
	__s64 old_value;
	__s64 new_value;
	__u32 leaf;
	__u16 n_causes;
	__u16 subject;
	__u16 cause_signal[AINKA_MAX_CAUSES];
	__s64 cause_value[AINKA_MAX_CAUSES];
	char policy[32];
	char tunable[64];
	char label[AINKA_LABEL_LEN];
	char path[AINKA_PATH_LEN];
};

/*
 * The mapping of /dev/ainka, in pages, for C possible CPUs:
 *
 *   0 … C-1	consumer pages, one a CPU: struct ainka_ring_consumer, the only
 *		ones that may be mapped for writing
 *   C …	one area a CPU of (1 + data_pages) pages: a page with struct
 *		ainka_ring_producer, then the records
 *
 * Positions count records and never wrap; record p is at p & (n_records - 1).
 * The kernel publishes @head with release order, the reader @tail.
 */
#define AINKA_RING_MAGIC	0x41494e4b41523031ULL	/* "AINKAR01" */

struct ainka_ring_consumer {
	__u64 tail;
};

/**
 * struct ainka_ring_producer - the kernel's page of one CPU's ring
 * @head: records written so far
 * @drops: records for which there was no room
 * @magic: AINKA_RING_MAGIC
 * @n_records: capacity, a power of two
 * @record_size: sizeof(struct ainka_record)
 * @n_cpus: possible CPUs, that is rings
 * @data_pages: pages of records behind this page
 */
struct ainka_ring_producer {
	__u64 head;
	__u64 drops;
	__u64 magic;
	__u32 n_records;
	__u32 record_size;
	__u32 n_cpus;
	__u32 data_pages;
};

#define AINKA_TREE_MAGIC	0x54524541u	/* "AERT" */
#define AINKA_TREE_LEAF		0xffff
#define AINKA_TREE_MAX_NODES	1024
#define AINKA_TREE_MAX_DEPTH	16

/**
 * struct ainka_tree_node - a node of an integer decision tree
 * @signal: id of the signal that is compared, or AINKA_TREE_LEAF
 * @left: node for signal <= @threshold; greater than the node's own number
 * @right: node for signal > @threshold; greater than the node's own number
 * @pad: 0
 * @threshold: what the signal is compared with; in a leaf, the result
 */
struct ainka_tree_node {
	__u16 signal;
	__u16 left;
	__u16 right;
	__u16 pad;
	__s64 threshold;
};

struct ainka_tree_hdr {
	__u32 magic;
	__u16 n_nodes;
	__u16 pad;
	__u64 trained_ns;
	struct ainka_tree_node node[];
};

#endif
