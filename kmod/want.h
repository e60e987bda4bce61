/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_WANT_H
#define AINKA_WANT_H

#include "policy.h"
#include "settle.h"
#include "target.h"
#include "tunable.h"

bool ainka_want_allowed(const struct ainka_policy *policy);
struct ainka_policy *ainka_want_winner(const struct ainka_tunable *tun,
				       const struct ainka_key *key, bool advice);
bool ainka_want_model(const struct ainka_round *round, const struct ainka_policy *policy,
		      const struct ainka_key *key, s64 *model);
s64 ainka_want_value(const struct ainka_round *round, const struct ainka_policy *policy,
		     const struct ainka_tunable *tun, const struct ainka_key *key, s64 baseline,
		     bool *clamped);
s64 ainka_want_towards(const struct ainka_tunable *tun, const struct ainka_target *target,
		       s64 baseline, s64 present, s64 wanted, bool *clamped);
void ainka_want_name(const struct ainka_target *target, struct ainka_record *rec);
void ainka_want_describe(const struct ainka_round *round, const struct ainka_policy *policy,
			 const struct ainka_tunable *tun, const struct ainka_target *target,
			 struct ainka_record *rec);

#endif
