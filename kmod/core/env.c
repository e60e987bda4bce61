// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* What an evaluation sees: slots of the system's signals, of one subject's, of external ones. */
#include "signals.h"

static void fill(struct ainka_env *env, u32 slot, const s64 *val, const u8 *fresh, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		env->val[slot + i] = val[i];
		env->fresh[slot + i] = fresh[i] != 0;
	}
}

/**
 * ainka_env_init - begin with an environment in which everything is stale
 * @env: the environment
 */
void ainka_env_init(struct ainka_env *env)
{
	memset(env, 0, sizeof(*env));
}

/**
 * ainka_env_system - let it see the system
 * @env: the environment
 * @val: AINKA_N_SYSTEM_SIGNALS values
 * @fresh: nonzero for each that is fresh
 */
void ainka_env_system(struct ainka_env *env, const s64 *val, const u8 *fresh)
{
	fill(env, 0, val, fresh, AINKA_N_SYSTEM_SIGNALS);
}

/**
 * ainka_env_subject - let it see a subject, instead of the one before
 * @env: the environment
 * @val: values of the subject's signals, or NULL for no subject
 * @fresh: nonzero for each that is fresh
 * @n: their number, at most AINKA_SNAP_SIGNALS
 */
void ainka_env_subject(struct ainka_env *env, const s64 *val, const u8 *fresh, u32 n)
{
	memset(env->fresh + AINKA_SLOT_SUBJECT, 0, AINKA_SNAP_SIGNALS);
	if (val)
		fill(env, AINKA_SLOT_SUBJECT, val, fresh, n);
}

/**
 * ainka_env_external - let it see the signals that are registered at run time
 * @env: the environment
 * @val: AINKA_N_EXTERNAL values
 * @fresh: nonzero for each that is fresh
 */
void ainka_env_external(struct ainka_env *env, const s64 *val, const u8 *fresh)
{
	fill(env, AINKA_SLOT_EXTERNAL, val, fresh, AINKA_N_EXTERNAL);
}

/**
 * ainka_env_get - look at one signal
 * @env: the environment
 * @id: signal that a policy of the subject may read
 * @val: gets its value, untouched if it is stale
 *
 * Return: whether it is fresh.
 */
bool ainka_env_get(const struct ainka_env *env, u16 id, s64 *val)
{
	u16 slot = ainka_slot_of(id);

	if (!env->fresh[slot])
		return false;
	*val = env->val[slot];
	return true;
}
