/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_SUBJECTS_H
#define AINKA_SUBJECTS_H

#include "ainka_core.h"

/* Tasks by CPU share that are visited, and room for others a policy is on for. */
#define AINKA_TOP_TASKS		64
#define AINKA_VISITED_TASKS	128

/* struct ainka_task_snap - a task as the last walk saw it */
struct ainka_task_snap {
	u32 pid;
	u64 start_ns;
	s64 val[AINKA_N_TASK_SIGNALS];
	u8 fresh[AINKA_N_TASK_SIGNALS];
};

int ainka_subjects_init(void);
void ainka_subjects_exit(void);
void ainka_subjects_walk(u64 now_ns);
void ainka_subjects_also(u32 pid, u64 start_ns, u64 now_ns);
u32 ainka_subjects_count(void);
const struct ainka_task_snap *ainka_subjects_at(u32 index);
const struct ainka_task_snap *ainka_subjects_find(u32 pid, u64 start_ns);
bool ainka_subjects_copy(u32 index, struct ainka_task_snap *out, u64 *time_ns);

#endif
