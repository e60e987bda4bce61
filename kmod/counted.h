/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_COUNTED_H
#define AINKA_COUNTED_H

#include <linux/types.h>

int ainka_counted_init(void);
void ainka_counted_exit(void);
int ainka_counted_slots(u32 role, u64 slots, const char **why);
void ainka_counted_attached(u32 role, u64 slots);
void ainka_counted_sample(u64 now_ns);
u64 ainka_counted_bytes(void);

#endif
