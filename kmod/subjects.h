/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_SUBJECTS_H
#define AINKA_SUBJECTS_H

#include "ainka_core.h"
#include "target.h"

/* Those by CPU share that are visited, and room for others a policy is on for. */
#define AINKA_TOP_TASKS		64
#define AINKA_VISITED_TASKS	128
#define AINKA_TOP_CGROUPS	32
#define AINKA_VISITED_CGROUPS	64

/**
 * struct ainka_snap - a subject as the last walk saw it
 * @key: which one
 * @val: its signals, indexed by AINKA_SIG_INDEX()
 * @fresh: which of them mean something
 */
struct ainka_snap {
	struct ainka_key key;
	s64 val[AINKA_SNAP_SIGNALS];
	u8 fresh[AINKA_SNAP_SIGNALS];
};

int ainka_subjects_init(void);
void ainka_subjects_exit(void);
u64 ainka_subjects_bytes(void);
bool ainka_subjects_known(u32 subject);
void ainka_subjects_walk(u64 now_ns);
void ainka_subjects_want(u32 subject, u64 now_ns);
bool ainka_subjects_show(u32 subject);
void ainka_subjects_also(u32 subject, const struct ainka_key *key, u64 now_ns);
bool ainka_subjects_overlay(const struct ainka_key *key, u64 now_ns);
u32 ainka_subjects_count(u32 subject);
const struct ainka_snap *ainka_subjects_at(u32 subject, u32 index);
const struct ainka_snap *ainka_subjects_find(u32 subject, const struct ainka_key *key);
bool ainka_subjects_copy(u32 subject, u32 index, struct ainka_snap *out, u64 *time_ns);

#endif
