/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_PARK_H
#define AINKA_PARK_H

#include "target.h"

struct ainka_policy;
struct ainka_tunable;

/**
 * struct ainka_watch - how a policy moves one tunable of one subject
 * @tun: the tunable, NULL for a free entry
 * @key: the subject
 * @since_ns: beginning of the minute in which turns are counted
 * @turns: changes of direction in it
 * @direction: of the last write, -1 or 1, 0 for none yet
 * @parked: enum ainka_reason why the policy may not set it, or AINKA_REASON_NONE
 */
struct ainka_watch {
	const struct ainka_tunable *tun;
	struct ainka_key key;
	u64 since_ns;
	u32 turns;
	s8 direction;
	u8 parked;
};

u32 ainka_park_entries(u32 subject);
u32 ainka_parked(const struct ainka_policy *policy, const struct ainka_tunable *tun,
		 const struct ainka_key *key);
bool ainka_park_moved(struct ainka_policy *policy, const struct ainka_tunable *tun,
		      const struct ainka_key *key, s64 from, s64 to, u64 now_ns);
bool ainka_park(struct ainka_policy *policy, const struct ainka_tunable *tun,
		const struct ainka_key *key, u32 reason);
u32 ainka_park_count(const struct ainka_policy *policy);
u32 ainka_park_resume(struct ainka_policy *policy);

#endif
