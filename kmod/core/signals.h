/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Private to the core: what expressions and trees share about signals. */
#ifndef AINKA_CORE_SIGNALS_H
#define AINKA_CORE_SIGNALS_H

#include "ainka_core.h"

/* Entries a bank can have: the index of an id is one byte. */
#define AINKA_BANK_MAX	256

extern const u8 ainka_none_fresh[AINKA_BANK_MAX];

/**
 * struct ainka_view - an environment in which every bank can be read
 * @val: values; never read where @fresh is 0
 * @fresh: nonzero where the value is fresh
 */
struct ainka_view {
	const s64 *val[2];
	const u8 *fresh[2];
};

/* A bank that is not there is one in which everything is stale. */
static inline void ainka_view_init(struct ainka_view *view, const struct ainka_env *env)
{
	view->val[0] = env->bank[0].val;
	view->val[1] = env->bank[1].val;
	view->fresh[0] = env->bank[0].fresh ? env->bank[0].fresh : ainka_none_fresh;
	view->fresh[1] = env->bank[1].fresh ? env->bank[1].fresh : ainka_none_fresh;
}

static inline bool ainka_view_get(const struct ainka_view *view, u16 id, s64 *val)
{
	/* The verifiers let only banks 0 and 1 pass. */
	u32 bank = AINKA_SIG_BANK(id);
	u32 index = AINKA_SIG_INDEX(id);

	if (!view->fresh[bank][index])
		return false;
	*val = view->val[bank][index];
	return true;
}

const char *ainka_subject_name(u32 subject);
bool ainka_signal_fits(u16 id, u32 subject);
const struct ainka_signal_def *ainka_signal_nearest(const char *name, u32 len, u32 subject);

#endif
