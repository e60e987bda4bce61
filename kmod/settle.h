/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_SETTLE_H
#define AINKA_SETTLE_H

#include "ainka_core.h"

struct ainka_key;

/**
 * struct ainka_round - what one round of the engine saw
 * @now_ns: its time
 * @val: the system's signals
 * @fresh: which of them are fresh
 * @missing_reason: enum ainka_reason for policies that are no longer in the table
 */
struct ainka_round {
	u64 now_ns;
	s64 val[AINKA_BANK_MAX];
	u8 fresh[AINKA_BANK_MAX];
	u32 missing_reason;
};

/* Let an environment see what the round saw of the system. */
static inline void ainka_round_env(const struct ainka_round *round, struct ainka_env *env)
{
	ainka_env_system(env, round->val, round->fresh);
	ainka_env_external(env, round->val + AINKA_EXTERNAL_FIRST,
			   round->fresh + AINKA_EXTERNAL_FIRST);
}

void ainka_settle(const struct ainka_round *round);
void ainka_settle_subject(const struct ainka_round *round, u32 subject,
			  const struct ainka_key *key);

#endif
