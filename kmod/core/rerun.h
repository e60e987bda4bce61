/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * One policy evaluated again over recorded frames, as kmod/engine.c and
 * kmod/policy.c evaluate it. User space only. The structure is opaque to callers
 * that know no C, who ask for its size.
 */
#ifndef AINKA_CORE_RERUN_H
#define AINKA_CORE_RERUN_H

#include "frame.h"

/* As AINKA_POLICY_SUBJECTS of the module. */
#define AINKA_RERUN_SUBJECTS	64

/* Every subject may go and another one come in its place. */
#define AINKA_RERUN_CHANGES	(2 * AINKA_RERUN_SUBJECTS)

struct ainka_rerun;

u64 ainka_rerun_bytes(const struct ainka_windows *windows);
void ainka_rerun_init(struct ainka_rerun *rerun, u32 subject, const struct ainka_prog *when,
		      const struct ainka_prog *until, const struct ainka_windows *windows,
		      const struct ainka_model *model);
void ainka_rerun_times(struct ainka_rerun *rerun, u64 for_ns, u64 hold_ns, u64 cooldown_ns);
u64 ainka_rerun_memory_ns(const struct ainka_rerun *rerun);
u32 ainka_rerun_frame(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 *num,
		      u64 *id, u8 *on);
u32 ainka_rerun_causes(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 num,
		       u64 id, u32 until, u16 *signal, s64 *value);
u32 ainka_rerun_render(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 num,
		       u64 id, u32 until, char *buf, u32 size);
bool ainka_rerun_model(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 num,
		       u64 id, s64 *value);

#endif
