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

/* What a record of the ring holds. */
#define AINKA_RECORD_DECISION	1
#define AINKA_RECORD_INPUTS	2

/**
 * struct ainka_record - one record of the journal
 * @id: number of the decision, from 1
 * @time_ns: CLOCK_MONOTONIC
 * @type: AINKA_RECORD_DECISION
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
 * @leaf: node of the (first) tree of the model that was reached
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

#define AINKA_INPUTS_BYTES	480
#define AINKA_INPUTS_KEY	1	/* @payload begins with a key frame */

/**
 * struct ainka_inputs - a piece of what evaluations saw, in place of a record
 * @id: number of the piece, from 1; a missing one is a gap
 * @time_ns: CLOCK_MONOTONIC when it was written
 * @type: AINKA_RECORD_INPUTS
 * @cpu: CPU that wrote it
 * @flags: AINKA_INPUTS_*
 * @bytes: bytes used in @payload
 * @pad: 0
 * @payload: frames, each behind its length (base 128, low bits first); they go on in the
 *	next piece. kmod/core/frame.h says how a frame is coded
 */
struct ainka_inputs {
	__u64 id;
	__u64 time_ns;
	__u16 type;
	__u16 cpu;
	__u16 flags;
	__u16 bytes;
	__u64 pad;
	__u8 payload[AINKA_INPUTS_BYTES];
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

/*
 * A model: struct ainka_model_hdr, then without gaps
 *
 *   __s64 class_value[n_classes]		results of kinds VOTE and WEIGH
 *   struct ainka_model_node node[n_nodes]	the trees one after the other
 *   struct ainka_model_term term[n_terms]	kinds LINEAR and THRESHOLD
 *   __u16 weight[n_rows][n_classes]		kind WEIGH
 *
 * Numbers have the byte order of the machine.
 */
#define AINKA_MODEL_MAGIC	0x4d4b4e41u	/* "ANKM" */
#define AINKA_MODEL_VERSION	1

/* What a model computes from its trees or terms. */
#define AINKA_MODEL_MEAN	1	/* mean of the values of the leaves */
#define AINKA_MODEL_VOTE	2	/* class named by most leaves */
#define AINKA_MODEL_WEIGH	3	/* class with the largest sum of weights */
#define AINKA_MODEL_LINEAR	4	/* bias + sum of weight * signal */
#define AINKA_MODEL_THRESHOLD	5	/* 1 if that is greater than 0, else 0 */

#define AINKA_MODEL_LEAF	0xffff
#define AINKA_MODEL_MAX_TREES	32
#define AINKA_MODEL_MAX_DEPTH	16	/* inner nodes on a path */
#define AINKA_MODEL_MAX_NODES	4096	/* of all trees together, leaves included */
#define AINKA_MODEL_MAX_CLASSES	16
#define AINKA_MODEL_MAX_TERMS	64
#define AINKA_MODEL_MAX_SHIFT	32

/**
 * struct ainka_model_hdr - the beginning of a model
 * @magic: AINKA_MODEL_MAGIC
 * @version: AINKA_MODEL_VERSION
 * @kind: AINKA_MODEL_MEAN to AINKA_MODEL_THRESHOLD
 * @n_trees: trees, at least one of the first three kinds, else 0
 * @n_classes: classes of VOTE and WEIGH, else 0
 * @n_nodes: nodes of all trees
 * @n_rows: rows of weights of WEIGH, else 0
 * @n_terms: terms of LINEAR and THRESHOLD, else 0
 * @shift: bits behind the binary point of leaves of MEAN, of bias and weights of
 *	   LINEAR and THRESHOLD
 * @pad: 0
 * @trained_ns: when it was trained, for people
 * @bias: of LINEAR and THRESHOLD, else 0
 */
struct ainka_model_hdr {
	__u32 magic;
	__u8 version;
	__u8 kind;
	__u8 n_trees;
	__u8 n_classes;
	__u16 n_nodes;
	__u16 n_rows;
	__u16 n_terms;
	__u8 shift;
	__u8 pad;
	__u64 trained_ns;
	__s64 bias;
};

/**
 * struct ainka_model_node - a node of a decision tree, in preorder
 * @value: what the signal is compared with; in a leaf its value, class or row
 * @signal: id of the signal that is compared, or AINKA_MODEL_LEAF
 * @right: number of the node for signal > @value, behind all nodes of the left side;
 *	   the node for signal <= @value is the next one; 0 in a leaf
 */
struct ainka_model_node {
	__s64 value;
	__u16 signal;
	__u16 right;
} __attribute__((packed));

/**
 * struct ainka_model_term - a term of a linear model
 * @weight: what the signal is multiplied with
 * @signal: id of the signal; each appears once
 * @pad: 0
 */
struct ainka_model_term {
	__s64 weight;
	__u16 signal;
	__u16 pad;
} __attribute__((packed));

#endif
