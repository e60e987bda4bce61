/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Signals of tasks and disks from their BPF records (task_features.c, dev_features.c). */
#ifndef AINKA_CORE_REC_FEATURES_H
#define AINKA_CORE_REC_FEATURES_H

#include "types.h"

struct ainka_task_rec;
/* Fill val[] and fresh[] of AINKA_N_TASK_SIGNALS entries, indexed by signal. */
void ainka_task_features(const struct ainka_task_rec *rec, u64 now_ns, s64 *val, u8 *fresh);
/* The same for @n records, a row of AINKA_N_TASK_SIGNALS entries each. */
void ainka_task_features_batch(const struct ainka_task_rec *recs, u32 n, u64 now_ns,
			       s64 *val, u8 *fresh);

struct ainka_dev_rec;
/*
 * Fill val[] and fresh[] of AINKA_N_DEVICE_SIGNALS entries, indexed by signal, from two
 * copies of a record, the younger one first.
 */
void ainka_dev_features(const struct ainka_dev_rec *rec, const struct ainka_dev_rec *old,
			u64 elapsed_ns, s64 *val, u8 *fresh);

#endif
