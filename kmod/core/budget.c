// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "ainka_core.h"

#define MINUTE_NS	60000000000ULL

/**
 * ainka_budget_take - may one more write be done?
 * @b: zero-initialised state, full at first
 * @per_min: writes a minute; 0 allows none
 * @burst: writes that may come at once; 0 counts as 1
 * @now_ns: the time, which need not start at 0
 *
 * A token bucket counted in time, so that nothing has to refill it.
 *
 * Return: true, and the write is paid for, or false.
 */
bool ainka_budget_take(struct ainka_budget *b, u32 per_min, u32 burst, u64 now_ns)
{
	u64 period, full;

	if (!per_min)
		return false;
	period = MINUTE_NS / per_min;
	if (__builtin_mul_overflow(period, burst ? burst : 1, &full))
		full = ~0ULL;
	if (!b->last_ns)
		b->credit_ns = full;
	else if (now_ns > b->last_ns &&
		 __builtin_add_overflow(b->credit_ns, now_ns - b->last_ns, &b->credit_ns))
		b->credit_ns = full;
	if (b->credit_ns > full)
		b->credit_ns = full;
	/* 0 says that the bucket has never been used. */
	if (now_ns > b->last_ns || !b->last_ns)
		b->last_ns = now_ns ? now_ns : 1;
	if (b->credit_ns < period)
		return false;
	b->credit_ns -= period;
	return true;
}
