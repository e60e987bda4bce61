/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_TUNABLE_H
#define AINKA_TUNABLE_H

#include <linux/sched.h>
#include <linux/types.h>

#include "ainka_core.h"
#include "target.h"

struct ainka_tunable;

/* Longest text of a tunable that is saved and restored as text, with its NUL. */
#define AINKA_SAVED_LEN 1024

/**
 * struct ainka_tunable_ops - what a kind of tunable can do; all may sleep
 * @read: present value; of a task, called by the fork probe too, where it must not sleep
 * @write: set it; called only with values inside the bounds
 * @identity: number that changes when the thing behind the name is another one
 * @save: for a tunable that is more than its value (settings that are reset with it,
 *	a value that no number expresses): all of it as text of at most AINKA_SAVED_LEN
 *	bytes. Two equal texts mean that nobody has written in between
 * @restore: write back what @save has given; needed with @save
 */
struct ainka_tunable_ops {
	int (*read)(const struct ainka_tunable *tun, const struct ainka_target *target,
		    s64 *value);
	int (*write)(const struct ainka_tunable *tun, const struct ainka_target *target,
		     s64 value);
	int (*identity)(const struct ainka_tunable *tun, u64 *id);
	int (*save)(const struct ainka_tunable *tun, const struct ainka_target *target,
		    char *text);
	int (*restore)(const struct ainka_tunable *tun, const struct ainka_target *target,
		       const char *text);
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
