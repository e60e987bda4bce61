/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Private to the core: one window over the past of one signal. */
#ifndef AINKA_CORE_WINDOW_H
#define AINKA_CORE_WINDOW_H

#include "ainka_core.h"

/**
 * struct ainka_window - samples of a signal, and what they come to
 * @newest_us: time of the newest sample
 * @value: rate, difference, average or extreme of the samples
 * @extreme: of MIN and MAX, what was seen since the newest sample
 * @first: index of the oldest sample
 * @n: samples
 * @known: they reach back far enough
 * @pending: something was seen since the newest sample
 * @sample: values, and behind them the lower halves of their times
 */
struct ainka_window {
	u64 newest_us;
	s64 value;
	s64 extreme;
	u16 first;
	u16 n;
	u16 known;
	u16 pending;
	s64 sample[];
};

u32 ainka_window_samples(const struct ainka_window_def *def);
u64 ainka_window_bytes(const struct ainka_window_def *def);
void ainka_window_feed(struct ainka_window *w, const struct ainka_window_def *def, s64 val,
		       u64 now_us);
bool ainka_window_read(const struct ainka_window *w, const struct ainka_window_def *def,
		       u64 now_us, s64 *val);
const char *ainka_window_name(u8 func);

#endif
