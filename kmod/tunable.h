/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_TUNABLE_H
#define AINKA_TUNABLE_H

#include <linux/sched.h>
#include <linux/types.h>

#include "ainka_core.h"

struct ainka_tunable;

/**
 * struct ainka_tunable_ops - what a kind of tunable can do; all may sleep
 * @read: present value
 * @write: set it; called only with values inside the bounds
 * @identity: number that changes when the thing behind the name is another one
 */
struct ainka_tunable_ops {
	int (*read)(const struct ainka_tunable *tun, struct task_struct *task, s64 *value);
	int (*write)(const struct ainka_tunable *tun, struct task_struct *task, s64 value);
	int (*identity)(const struct ainka_tunable *tun, u64 *id);
};

/**
 * struct ainka_tunable - one thing that can be set; lives as long as the module
 * @name: unique name
 * @unit: unit of the value
 * @arg: the kind's own (path or device)
 * @absent: why the machine does not have it, or NULL
 * @ops: the kind
 * @bounds: hard bounds, step limit, names of the values
 * @kind: enum ainka_kind
 * @subject: enum ainka_subject
 * @lane: enum ainka_lane
 */
struct ainka_tunable {
	const char *name;
	const char *unit;
	const char *arg;
	const char *absent;
	const struct ainka_tunable_ops *ops;
	struct ainka_bounds bounds;
	u32 kind;
	u32 subject;
	u32 lane;
};

int ainka_tunables_init(void);
void ainka_tunables_exit(void);
const struct ainka_tunable *ainka_tunable_find(const char *name);
const struct ainka_tunable *ainka_tunable_at(unsigned int index);

int ainka_tunable_add(const struct ainka_tunable *tun);

int ainka_sysctl_init(void);
int ainka_task_init(void);
int ainka_block_init(void);
void ainka_block_exit(void);
int ainka_block_scan(void);
struct task_struct *ainka_task_get(u32 pid, u64 start_ns);
bool ainka_task_gone(struct task_struct *task);
/* NULL, or why this task is never changed */
const char *ainka_task_protected(struct task_struct *task);

#endif
