/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_OVERLAY_H
#define AINKA_OVERLAY_H

#include "subjects.h"

bool ainka_overlay_put(u16 signal, const struct ainka_key *key, s64 value, u64 time_ns);
void ainka_overlay_apply(struct ainka_snap *snap, u64 now_ns);
bool ainka_overlay_next(u32 *at, u64 now_ns, struct ainka_key *key);

#endif
