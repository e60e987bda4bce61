/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_SETTLE_H
#define AINKA_SETTLE_H

#include "ainka_core.h"

/**
 * struct ainka_round - what one round of the engine saw
 * @now_ns: its time
 * @val: the system's signals
 * @fresh: which of them are fresh
 * @missing_reason: enum ainka_reason for policies that are no longer in the table
 */
struct ainka_round {
	u64 now_ns;
	s64 val[AINKA_N_SYSTEM_SIGNALS];
	u8 fresh[AINKA_N_SYSTEM_SIGNALS];
	u32 missing_reason;
};

void ainka_settle(const struct ainka_round *round);

#endif
