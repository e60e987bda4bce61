/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_CGROUP_RUNS_H
#define AINKA_CGROUP_RUNS_H

#include <linux/types.h>

int ainka_cgroup_runs_init(void);
void ainka_cgroup_runs_exit(void);
u64 ainka_cgroup_runs_bytes(void);
void ainka_cgroup_runs_sample(u64 now_ns);
u64 ainka_cgroup_runs_id(u32 index);
bool ainka_cgroup_runs_share(u64 id, u64 now_ns, s64 *permille);

#endif
