/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_CGROUP_FILES_H
#define AINKA_CGROUP_FILES_H

#include <linux/types.h>

#include "ainka_core.h"
#include "ainka_events.h"

/* Files of pressure: of CPU, memory and I/O. */
#define AINKA_CGROUP_PRESSURES 3

/**
 * struct ainka_cgroup_files - what one cgroup has said of itself
 * @id: which one
 * @val: by index of the signal
 * @time_ns: when each was read, 0 for never
 * @psi: totals of the pressure files when they were read last
 * @seq: of its BPF record when that was read last, 0 for not yet
 * @delay_ns: its sum of run delays then
 * @delays: how many these were
 * @delay_hist: their distribution
 */
struct ainka_cgroup_files {
	u64 id;
	s64 val[AINKA_N_CGROUP_SIGNALS];
	u64 time_ns[AINKA_N_CGROUP_SIGNALS];
	struct {
		u64 time_ns;
		u64 some_us;
		u64 full_us;
	} psi[AINKA_CGROUP_PRESSURES];
	u64 seq;
	u64 delay_ns;
	u64 delays;
	u32 delay_hist[AINKA_CGROUP_BUCKETS];
};

void ainka_cgroup_files_read(struct ainka_cgroup_files *files);
bool ainka_cgroup_files_tasks(u64 id, s64 *tasks);

#endif
