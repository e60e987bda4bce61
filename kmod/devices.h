/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_DEVICES_H
#define AINKA_DEVICES_H

#include <linux/types.h>

struct ainka_snap;

/* Disks whose signals are worked out. */
#define AINKA_DEVICES 64

void ainka_devices_sample(u64 now_ns);
bool ainka_devices_at(u32 index, struct ainka_snap *snap);
u64 ainka_devices_bytes(void);
void ainka_devices_exit(void);

#endif
