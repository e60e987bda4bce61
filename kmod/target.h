/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_TARGET_H
#define AINKA_TARGET_H

#include <linux/cgroup.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "ainka_core.h"

/**
 * struct ainka_key - which subject, in numbers that are not used again
 * @num: pid, device number, or 1; 0 for the system and for "none"
 * @id: start time in nanoseconds, disk sequence number, or cgroup id
 */
struct ainka_key {
	u32 num;
	u64 id;
};

static inline bool ainka_key_same(const struct ainka_key *a, const struct ainka_key *b)
{
	return a->num == b->num && a->id == b->id;
}

/**
 * struct ainka_target - what a tunable is set on, referenced
 * @subject: enum ainka_subject
 * @key: its identity when it was found; a task's pid and start time can change by exec
 * @task: the task, for AINKA_SUBJECT_TASK
 * @cgroup: the cgroup, for AINKA_SUBJECT_CGROUP
 * @object: what the journal finds it by: the task or the cgroup; the signal_struct
 *	of @task, which outlives its threads, for what a process has once; NULL for
 *	the system
 * @label: what people call it: command name, cgroup path, device name
 */
struct ainka_target {
	u32 subject;
	struct ainka_key key;
	union {
		struct task_struct *task;
		struct cgroup *cgroup;
	};
	const void *object;
	char label[AINKA_LABEL_LEN];
};

extern const char *const ainka_subject_names[];
extern const struct ainka_target ainka_target_system;

bool ainka_target_get(u32 subject, const struct ainka_key *key, struct ainka_target *target);
void ainka_target_of_task(struct task_struct *task, struct ainka_target *target);
void ainka_target_scope(struct ainka_target *target, bool process);
void ainka_target_copy(const struct ainka_target *from, struct ainka_target *to);
void ainka_target_put(struct ainka_target *target);
bool ainka_target_gone(const struct ainka_target *target);
/* NULL, or why this subject is never changed */
const char *ainka_target_protected(const struct ainka_target *target);

static inline bool ainka_target_same(const struct ainka_target *a, const struct ainka_target *b)
{
	if (a->subject != b->subject)
		return false;
	return a->object || b->object ? a->object == b->object : ainka_key_same(&a->key, &b->key);
}

#endif
