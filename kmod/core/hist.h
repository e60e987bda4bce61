/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The log-linear histogram: values below 8 have a bucket each, then every octave
 * has eight, so that a bucket is at most 12.5 % wide. For BPF programs too: u32
 * and u64 come from the includer.
 */
#ifndef AINKA_CORE_HIST_H
#define AINKA_CORE_HIST_H

#define AINKA_HIST_LAST	255

/* Position of the highest bit of a value that is not 0; BPF has no clz. */
static inline u32 ainka_hist_log2(u64 v)
{
	u32 r, shift;

	r = (v > 0xffffffffULL) << 5;
	v >>= r;
	shift = (v > 0xffff) << 4;
	v >>= shift;
	r |= shift;
	shift = (v > 0xff) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | (u32)(v >> 1);
}

/* The bucket of a value; the last one takes everything that is larger. */
static inline u32 ainka_hist_bucket(u64 ns)
{
	u32 octave, bucket;

	if (ns < 8)
		return (u32)ns;
	octave = ainka_hist_log2(ns) - 3;
	bucket = ((octave + 1) << 3) + ((u32)(ns >> octave) & 7);
	return bucket > AINKA_HIST_LAST ? AINKA_HIST_LAST : bucket;
}

/* The smallest value of a bucket. */
static inline u64 ainka_hist_floor(u32 bucket)
{
	if (bucket > AINKA_HIST_LAST)
		bucket = AINKA_HIST_LAST;
	if (bucket < 8)
		return bucket;
	return (u64)(8 + (bucket & 7)) << ((bucket >> 3) - 1);
}

#endif
