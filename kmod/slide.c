// SPDX-License-Identifier: GPL-2.0
/*
 * Windows that slide by slices. What is counted only grows, so what happened in
 * a window is the difference of the sums at its ends; a ring holds the sum at the
 * end of each slice. Late ticks make slices longer. All of it is the fast worker's.
 */
#include <linux/ktime.h>

#include "slide.h"

/* Half a window says something; after a pause of two it begins anew. */
static u64 shortest_ns(const struct ainka_slide *slide)
{
	return slide->slices * slide->slice_ns / 2;
}

static u64 longest_ns(const struct ainka_slide *slide)
{
	return 2 * slide->slices * slide->slice_ns;
}

static u32 oldest(const struct ainka_slide *slide)
{
	return (slide->newest + slide->slices + 2 - slide->filled) % (slide->slices + 1);
}

/**
 * ainka_slide_due() - is it time for the next sum?
 * @slide: the window
 * @now_ns: the present
 *
 * Return: true if it is; what is too old then has left the window.
 */
bool ainka_slide_due(struct ainka_slide *slide, u64 now_ns)
{
	if (slide->filled && now_ns - slide->time_ns[slide->newest] < slide->slice_ns)
		return false;
	/* a late tick makes a longer window; one that slept must not become part of it */
	while (slide->filled && now_ns - slide->time_ns[oldest(slide)] > longest_ns(slide))
		slide->filled--;
	return true;
}

/**
 * ainka_slide_next() - where the next sum goes
 * @slide: the window
 *
 * Return: place in the ring.
 */
u32 ainka_slide_next(const struct ainka_slide *slide)
{
	return (slide->newest + 1) % (slide->slices + 1);
}

/**
 * ainka_slide_then() - what a sum of the present is to be compared with
 * @slide: the window
 * @now_ns: the present
 * @then: gets the place of the oldest sum in the window
 *
 * Return: false if the window is too short to say anything.
 */
bool ainka_slide_then(const struct ainka_slide *slide, u64 now_ns, u32 *then)
{
	*then = oldest(slide);
	return slide->filled && now_ns - slide->time_ns[*then] >= shortest_ns(slide);
}

/**
 * ainka_slide_push() - the next sum is in its place
 * @slide: the window
 * @now_ns: when it was taken
 */
void ainka_slide_push(struct ainka_slide *slide, u64 now_ns)
{
	slide->newest = ainka_slide_next(slide);
	slide->time_ns[slide->newest] = now_ns;
	if (slide->filled <= slide->slices)
		slide->filled++;
}

/**
 * ainka_slide_reset() - the sums are other ones: the window begins anew
 * @slide: the window
 */
void ainka_slide_reset(struct ainka_slide *slide)
{
	slide->filled = 0;
}
