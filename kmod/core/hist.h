/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The log-linear histogram: values below 8 have a bucket each, then every octave
 * has eight, so that a bucket is at most 12.5 % wide. For BPF programs too: u32
 * and u64 come from the includer.
 */
#ifndef AINKA_CORE_HIST_H
#define AINKA_CORE_HIST_H

#define AINKA_HIST_LAST	255

/*
 * 1 if @a is at least @b, both below 1 << 63, otherwise 0. BPF has no instruction
 * for that but a jump, and where values vary a processor guesses jumps wrong; the
 * compiler is kept from seeing through it.
 */
static inline u32 ainka_hist_at_least(u64 a, u64 b)
{
#ifdef __bpf__
	u64 difference = b - 1 - a;

	asm volatile("" : "+r"(difference));
	return difference >> 63;
#else
	return a >= b;
#endif
}

/*
 * The bucket of a value; the last one takes everything that is larger. A value is
 * halved until it is below 16, and below 8 only if it was so before; what is left
 * and the number of halvings are the bucket.
 */
static inline u32 ainka_hist_bucket(u64 ns)
{
	u32 halvings, octave;

	if (ns >> 34)
		return AINKA_HIST_LAST;
	octave = ainka_hist_at_least(ns, 8 << 16) << 4;
	ns >>= octave;
	halvings = ainka_hist_at_least(ns, 8 << 8) << 3;
	ns >>= halvings;
	octave += halvings;
	halvings = ainka_hist_at_least(ns, 8 << 4) << 2;
	ns >>= halvings;
	octave += halvings;
	halvings = ainka_hist_at_least(ns, 8 << 2) << 1;
	ns >>= halvings;
	octave += halvings;
	halvings = ainka_hist_at_least(ns, 8 << 1);
	ns >>= halvings;
	octave += halvings;
	return (octave << 3) + (u32)ns;
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
