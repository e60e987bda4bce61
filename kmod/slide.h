/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_SLIDE_H
#define AINKA_SLIDE_H

#include <linux/types.h>

/* Most slices that a window has. */
#define AINKA_SLIDE_MAX 10

/**
 * struct ainka_slide - a window that slides by slices over sums that only grow
 * @slice_ns: least length of a slice
 * @slices: how many make the window; the owner keeps a ring of one sum more
 * @newest: place in the ring of the last sum
 * @filled: how many places are in use
 * @time_ns: when the sum of each place was taken
 */
struct ainka_slide {
	u64 slice_ns;
	u32 slices;
	u32 newest;
	u32 filled;
	u64 time_ns[AINKA_SLIDE_MAX + 1];
};

bool ainka_slide_due(struct ainka_slide *slide, u64 now_ns);
u32 ainka_slide_next(const struct ainka_slide *slide);
void ainka_slide_push(struct ainka_slide *slide, u64 now_ns);
bool ainka_slide_then(const struct ainka_slide *slide, u64 now_ns, u32 *then);
void ainka_slide_reset(struct ainka_slide *slide);

#endif
