// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * How unusual a value is. Mean and mean absolute deviation are exponentially
 * weighted: of the mean, S. W. Roberts, "Control Chart Tests Based on Geometric
 * Moving Averages", Technometrics 1 (1959); of the deviation in integers,
 * V. Jacobson, "Congestion Avoidance and Control", SIGCOMM 1988, appendix A.
 *
 *	e = x - m;  m += e / w;  d += (|e| - d) / w;  score = 1000 * e / d
 *
 * with m the mean, d the deviation, and w = AINKA_NORM_MIN, or the number of
 * samples while that is less. Of a normal distribution the mean absolute
 * deviation is 0.8 standard deviations, so a score of 3760 is three of these.
 */
#include "flat.h"

#define SCALE		256	/* of mean and deviation */
#define VALUE_MAX	281474976710656LL	/* 2^48 */

static s64 magnitude(s64 v)
{
	return v < 0 ? -v : v;
}

static s64 scaled(s64 value)
{
	if (value > VALUE_MAX)
		value = VALUE_MAX;
	if (value < -VALUE_MAX)
		value = -VALUE_MAX;
	return value * SCALE;
}

/**
 * ainka_norm_feed - take a value into what is usual
 * @norm: what is usual, zero-initialised
 * @value: the value; beyond 2^48 it counts as 2^48
 */
void ainka_norm_feed(struct ainka_norm *norm, s64 value)
{
	s64 error = scaled(value) - norm->mean;

	if (norm->samples < AINKA_NORM_MIN)
		norm->samples++;
	norm->mean += error / norm->samples;
	/* the first value says nothing of deviations */
	if (norm->samples > 1)
		norm->deviation += (magnitude(error) - norm->deviation) / norm->samples;
}

/**
 * ainka_norm_score - how unusual is a value?
 * @norm: what is usual
 * @value: the value
 * @score: out, thousandths of the mean absolute deviation, negative below the mean
 *
 * The deviation counts as at least one unit and 1/64 of the mean, so that a
 * value that has been the same for long may move a little.
 *
 * Return: false, with @score 0, while too few values are known.
 */
bool ainka_norm_score(const struct ainka_norm *norm, s64 value, s64 *score)
{
	s64 error = scaled(value) - norm->mean, deviation = norm->deviation;

	*score = 0;
	if (norm->samples < AINKA_NORM_MIN)
		return false;
	if (deviation < SCALE)
		deviation = SCALE;
	if (deviation < magnitude(norm->mean) / 64)
		deviation = magnitude(norm->mean) / 64;
	if (__builtin_mul_overflow(error, 1000, score))
		*score = error / deviation * 1000;
	else
		*score /= deviation;
	return true;
}

/**
 * ainka_norm_mean - the usual value
 * @norm: what is usual
 *
 * Return: the mean, rounded.
 */
s64 ainka_norm_mean(const struct ainka_norm *norm)
{
	return (norm->mean + (norm->mean < 0 ? -SCALE / 2 : SCALE / 2)) / SCALE;
}

/**
 * ainka_norm_deviation - how far values usually are from the mean
 * @norm: what is usual
 *
 * Return: the mean absolute deviation, rounded up.
 */
s64 ainka_norm_deviation(const struct ainka_norm *norm)
{
	return (norm->deviation + SCALE - 1) / SCALE;
}

#ifndef __KERNEL__
/**
 * ainka_flat_norm - what the module would say of a series of values
 * @n: how many
 * @value: the values
 * @score: out, of each, before it is taken in
 * @known: out, 0 where too few came before
 * @mean: out, the mean of all
 * @deviation: out, their mean absolute deviation
 */
void ainka_flat_norm(u32 n, const s64 *value, s64 *score, u8 *known, s64 *mean, s64 *deviation)
{
	struct ainka_norm norm = { 0 };
	u32 i;

	for (i = 0; i < n; i++) {
		known[i] = ainka_norm_score(&norm, value[i], &score[i]);
		ainka_norm_feed(&norm, value[i]);
	}
	*mean = ainka_norm_mean(&norm);
	*deviation = ainka_norm_deviation(&norm);
}
#endif
