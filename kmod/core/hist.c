// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "ainka_core.h"
#include "hist.h"

static u64 midpoint(u32 bucket)
{
	u64 width = bucket < 8 ? 1 : 1ULL << ((bucket >> 3) - 1);

	return ainka_hist_floor(bucket) + width / 2;
}

/* The bucket in which a percentile lies, n when nothing was counted. */
static u32 rank_of(const u32 *counts, u32 n, u32 permille)
{
	u64 total = 0, rank;
	u32 i;

	if (permille > 1000)
		permille = 1000;
	for (i = 0; i < n; i++)
		total += counts[i];
	if (!total)
		return n;
	/* The smallest value that has at least this share at or below it. */
	rank = (total * permille + 999) / 1000;
	if (!rank)
		rank = 1;
	for (i = 0; i < n; i++) {
		if (counts[i] >= rank)
			break;
		rank -= counts[i];
	}
	return i;
}

/**
 * ainka_hist_percentile - a percentile of what was counted
 * @counts: how many values each bucket has, that is differences of two readings
 * @n: number of buckets, at most 256
 * @permille: which percentile, 990 for p99; above 1000 counts as 1000
 *
 * Return: the midpoint of the bucket in which it lies, at most 12.5 % away from
 * it; 0 when there are no values.
 */
u64 ainka_hist_percentile(const u32 *counts, u32 n, u32 permille)
{
	u32 i;

	if (n > AINKA_HIST_LAST + 1)
		n = AINKA_HIST_LAST + 1;
	i = rank_of(counts, n, permille);
	return i < n ? midpoint(i) : 0;
}

/**
 * ainka_hist_percentile_wide - the same of a histogram with half as many buckets
 * @counts: how many values each two buckets have together
 * @n: number of entries, at most 128
 * @permille: which percentile
 *
 * Return: the value between the two buckets in which it lies, at most 12.5 % away
 * from it; 0 when there are no values.
 */
u64 ainka_hist_percentile_wide(const u32 *counts, u32 n, u32 permille)
{
	u32 i;

	if (n > (AINKA_HIST_LAST + 1) / 2)
		n = (AINKA_HIST_LAST + 1) / 2;
	i = rank_of(counts, n, permille);
	return i < n ? ainka_hist_floor(2 * i + 1) : 0;
}
