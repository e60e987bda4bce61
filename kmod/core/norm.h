/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What is usual of a signal, and how unusual a value is (anomaly.c). */
#ifndef AINKA_CORE_NORM_H
#define AINKA_CORE_NORM_H

#include "types.h"

/* Values that must be known before one can be unusual, and the weight of the past. */
#define AINKA_NORM_MIN	32

/**
 * struct ainka_norm - what is usual of a signal; zero-initialised
 * @mean: weighted mean, scaled
 * @deviation: weighted mean of the absolute deviations, scaled
 * @samples: values seen, at most AINKA_NORM_MIN
 */
struct ainka_norm {
	s64 mean;
	s64 deviation;
	u32 samples;
};

void ainka_norm_feed(struct ainka_norm *norm, s64 value);
bool ainka_norm_score(const struct ainka_norm *norm, s64 value, s64 *score);
s64 ainka_norm_mean(const struct ainka_norm *norm);
s64 ainka_norm_deviation(const struct ainka_norm *norm);

#endif
