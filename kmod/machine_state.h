/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_MACHINE_STATE_H
#define AINKA_MACHINE_STATE_H

#include <linux/types.h>

#include "ainka_core.h"

#define AINKA_WHY_LEN 64

struct ainka_state_info {
	u32 state;
	u64 since_ns;
	char why[AINKA_WHY_LEN];
};

extern const char *const ainka_state_names[];

void ainka_state_init(void);
u32 ainka_state_now(void);
void ainka_state_info(struct ainka_state_info *info);
bool ainka_state_event(enum ainka_event event, u32 arg, const char *why);
void ainka_state_stall(u64 full_permille, u64 now_ns);
int ainka_state_by_name(const char *name);

#endif
