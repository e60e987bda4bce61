// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "flat.h"
#include "rate.h"

#ifndef __KERNEL__
/**
 * ainka_flat_rate - what would be told of things that happen
 * @n: how many
 * @ns: when each happens
 * @told: out, the rate that is told then, 0 for none
 * @hz: out, the rate then
 */
void ainka_flat_rate(u32 n, const u64 *ns, u32 *told, u32 *hz)
{
	struct ainka_rate rate = { 0 };
	u32 i;

	for (i = 0; i < n; i++) {
		told[i] = ainka_rate_add(&rate, ns[i]);
		hz[i] = ainka_rate_hz(&rate, ns[i]);
	}
}
#endif
