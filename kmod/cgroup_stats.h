/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_CGROUP_STATS_H
#define AINKA_CGROUP_STATS_H

#include <linux/types.h>

#include "subjects.h"

int ainka_cgroup_stats_init(void);
void ainka_cgroup_stats_rest(void);
void ainka_cgroup_stats_exit(void);
u64 ainka_cgroup_stats_bytes(void);
void ainka_cgroup_stats_want(u64 now_ns);
void ainka_cgroup_stats_forks(u32 hz);
void ainka_cgroup_stats_now(void);
u64 ainka_cgroup_stats_id(u32 index);
bool ainka_cgroup_stats_fill(u64 id, u64 now_ns, struct ainka_snap *snap);

#endif
