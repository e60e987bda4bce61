// SPDX-License-Identifier: Apache-2.0
/* A window, from everything that was ever seen: its samples are worked out anew each time. */
#include <stdlib.h>

#include "reference.h"

enum { RATE, DELTA, AVG, MIN, MAX };

struct sample {
	u64 us;
	s64 value;
};

static s64 more(u32 func, s64 a, s64 b)
{
	if (func == MIN)
		return a < b ? a : b;
	return a > b ? a : b;
}

struct number window_now(const struct trace *trace, u32 id, u32 func, u32 length_ms)
{
	const struct moment *now = &trace->moment[trace->n - 1];
	u64 length = length_ms * 1000ULL;
	u64 parts = id < 0x100 ? 63 : 15;
	u64 spacing = (length + parts - 1) / parts;
	struct sample *sample = calloc(trace->n, sizeof(*sample));
	struct number result = { 0 };
	bool since_any = false;
	s64 since = 0;
	u32 n = 0, first = 0;

	for (u32 i = 0; i < trace->n; i++) {
		const struct moment *m = &trace->moment[i];
		struct number seen = signal_now(m, id);

		/* of somebody else, or nothing was known */
		if ((id >= 0x100 && m->subject_number != now->subject_number) || !seen.known)
			continue;
		if (n && (m->us < sample[n - 1].us || m->us - sample[n - 1].us > length / 4)) {
			n = 0;
			since_any = false;
		}
		since = since_any && (func == MIN || func == MAX) ? more(func, since, seen.value) :
								    seen.value;
		since_any = true;
		/* one sample in each part of the length, rounded up, of all time there is */
		if (n && m->us / spacing == sample[n - 1].us / spacing)
			continue;
		sample[n].us = m->us;
		sample[n++].value = since;
		since_any = false;
	}
	if (!signal_now(now, id).known || !n || now->us < sample[n - 1].us ||
	    now->us - sample[n - 1].us > length / 4)
		goto out;
	while (sample[n - 1].us - sample[first].us >= length)
		first++;
	if ((sample[n - 1].us - sample[first].us) * 4 < length * 3)
		goto out;
	result.known = true;
	if (func == AVG) {
		wide sum = 0;

		for (u32 i = first; i < n; i++)
			sum += sample[i].value;
		result.value = sum / (wide)(n - first);
	} else if (func == MIN || func == MAX) {
		result.value = sample[first].value;
		for (u32 i = first; i < n; i++)
			result.value = more(func, result.value, sample[i].value);
		if (since_any)
			result.value = more(func, result.value, since);
	} else {
		wide change = clip((wide)sample[n - 1].value - sample[first].value);

		if (func == RATE)
			change = change * 1000000 / (wide)(sample[n - 1].us - sample[first].us);
		result.value = clip(change);
	}
out:
	free(sample);
	return result;
}
