// SPDX-License-Identifier: GPL-2.0
/*
 * Parking: a policy that keeps turning a tunable back and forth, or one of whose
 * decisions was undone, loses that tunable of that subject until it is resumed
 * or replaced. The rest of the policy goes on.
 */
#include <linux/ktime.h>

#include "params.h"
#include "park.h"
#include "policy.h"
#include "table.h"

#define WINDOW_NS	(60 * NSEC_PER_SEC)
#define SUBJECT_WATCHES	64

/**
 * ainka_park_entries() - how many tunables of subjects a policy is watched on
 * @subject: enum ainka_subject of the policy
 *
 * Return: entries its array needs.
 */
u32 ainka_park_entries(u32 subject)
{
	return subject == AINKA_SUBJECT_SYSTEM ? AINKA_MAX_ACTIONS : SUBJECT_WATCHES;
}

static struct ainka_watch *find(const struct ainka_policy *policy,
				const struct ainka_tunable *tun, const struct ainka_key *key)
{
	u32 i;

	for (i = 0; i < ainka_park_entries(policy->subject); i++)
		if (policy->watch[i].tun == tun && ainka_key_same(&policy->watch[i].key, key))
			return &policy->watch[i];
	return NULL;
}

/* A free entry, else the one that was quiet for longest; what is parked stays. */
static struct ainka_watch *make(struct ainka_policy *policy, const struct ainka_tunable *tun,
				const struct ainka_key *key)
{
	struct ainka_watch *oldest = NULL;
	u32 i;

	for (i = 0; i < ainka_park_entries(policy->subject); i++) {
		struct ainka_watch *watch = &policy->watch[i];

		if (watch->tun && watch->parked)
			continue;
		if (!oldest || !watch->tun || (oldest->tun && watch->since_ns < oldest->since_ns))
			oldest = watch;
	}
	if (oldest) {
		memset(oldest, 0, sizeof(*oldest));
		oldest->tun = tun;
		oldest->key = *key;
	}
	return oldest;
}

/**
 * ainka_parked() - may a policy not set a tunable of a subject?
 * @policy: the policy
 * @tun: the tunable
 * @key: the subject
 *
 * Context: ainka_table_lock held, here and below.
 *
 * Return: enum ainka_reason why not, or AINKA_REASON_NONE.
 */
u32 ainka_parked(const struct ainka_policy *policy, const struct ainka_tunable *tun,
		 const struct ainka_key *key)
{
	const struct ainka_watch *watch = find(policy, tun, key);

	return watch ? watch->parked : AINKA_REASON_NONE;
}

/**
 * ainka_park_moved() - a policy has moved a tunable; park it if it does so too often
 * @policy: the policy; experiments change their mind by design and are not parked
 * @tun: the tunable
 * @key: the subject
 * @from: value before
 * @to: value after
 * @now_ns: the present
 *
 * More changes of direction than parameter park_turns within a minute are
 * oscillation.
 *
 * Return: true if it has been parked now.
 */
bool ainka_park_moved(struct ainka_policy *policy, const struct ainka_tunable *tun,
		      const struct ainka_key *key, s64 from, s64 to, u64 now_ns)
{
	struct ainka_watch *watch = find(policy, tun, key);
	s8 direction = to > from ? 1 : -1;

	if (from == to || policy->origin == AINKA_ORIGIN_EXPERIMENT)
		return false;
	if (!watch)
		watch = make(policy, tun, key);
	if (!watch || watch->parked)
		return false;
	if (now_ns - watch->since_ns > WINDOW_NS) {
		watch->since_ns = now_ns;
		watch->turns = 0;
	}
	if (watch->direction && watch->direction != direction)
		watch->turns++;
	watch->direction = direction;
	if (watch->turns <= READ_ONCE(ainka_park_turns))
		return false;
	watch->parked = AINKA_REASON_OSCILLATION;
	return true;
}

/**
 * ainka_park() - take a tunable of a subject from a policy
 * @policy: the policy
 * @tun: the tunable
 * @key: the subject
 * @reason: enum ainka_reason
 *
 * Return: false if too many are parked already.
 */
bool ainka_park(struct ainka_policy *policy, const struct ainka_tunable *tun,
		const struct ainka_key *key, u32 reason)
{
	struct ainka_watch *watch = find(policy, tun, key) ?: make(policy, tun, key);

	if (!watch)
		return false;
	watch->parked = reason;
	return true;
}

/**
 * ainka_park_count() - how many tunables of subjects a policy has lost
 * @policy: the policy
 *
 * Return: their number.
 */
u32 ainka_park_count(const struct ainka_policy *policy)
{
	u32 i, n = 0;

	for (i = 0; i < ainka_park_entries(policy->subject); i++)
		n += policy->watch[i].tun && policy->watch[i].parked;
	return n;
}

/**
 * ainka_park_resume() - give a policy back what it has lost
 * @policy: the policy
 *
 * Return: how many tunables of subjects that were.
 */
u32 ainka_park_resume(struct ainka_policy *policy)
{
	u32 i, n = ainka_park_count(policy);

	memset(policy->watch, 0, ainka_park_entries(policy->subject) * sizeof(*policy->watch));
	/* what was refused because of it may be told again */
	policy->system.refused = 0;
	for (i = 0; policy->slot && i < AINKA_POLICY_SUBJECTS; i++)
		policy->slot[i].refused = 0;
	return n;
}
