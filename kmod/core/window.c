// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * A window is a ring of samples, the newest of which is at most a small part of
 * its length old. What it comes to is worked out when a sample is added, so that
 * an evaluation only looks at the result.
 */
#include "window.h"
#include "expr.h"

/* No quarter of a window may be without a sample. */
static u64 longest_gap(const struct ainka_window_def *def)
{
	return (u64)def->length_ms * 1000 / 4;
}

static u64 length_us(const struct ainka_window_def *def)
{
	return (u64)def->length_ms * 1000;
}

/* Samples are at least so far apart that those in a window have room. */
static u64 spacing(const struct ainka_window_def *def)
{
	u64 parts = ainka_window_samples(def) - 1;

	return (length_us(def) + parts - 1) / parts;
}

/**
 * ainka_window_samples - room for samples in a window
 * @def: the window
 *
 * Return: their number.
 */
u32 ainka_window_samples(const struct ainka_window_def *def)
{
	return AINKA_SIG_BANK(def->signal) ? AINKA_WINDOW_SUBJECT_SAMPLES : AINKA_WINDOW_SAMPLES;
}

/**
 * ainka_window_bytes - memory that a window takes
 * @def: the window
 *
 * Return: bytes, a multiple of 8.
 */
u64 ainka_window_bytes(const struct ainka_window_def *def)
{
	return sizeof(struct ainka_window) +
	       ainka_window_samples(def) * (sizeof(s64) + sizeof(u32));
}

/**
 * ainka_window_cost - most steps that bringing a window up to date takes
 * @def: the window
 *
 * Return: looks at samples.
 */
u32 ainka_window_cost(const struct ainka_window_def *def)
{
	return 2 * ainka_window_samples(def);
}

/**
 * ainka_window_name - how a window is written
 * @func: enum ainka_window_func
 *
 * Return: its name.
 */
const char *ainka_window_name(u8 func)
{
	static const char * const name[] = {
		[AINKA_WINDOW_RATE] = "rate",
		[AINKA_WINDOW_DELTA] = "delta",
		[AINKA_WINDOW_AVG] = "avg",
		[AINKA_WINDOW_MIN] = "min",
		[AINKA_WINDOW_MAX] = "max",
	};

	return func < ARRAY_SIZE(name) ? name[func] : "?";
}

static u32 *times(struct ainka_window *w, u32 samples)
{
	return (u32 *)(w->sample + samples);
}

/* A sample is at most 38 minutes old here, so the lower half of its time is enough. */
static u32 age(struct ainka_window *w, u32 samples, u64 now_us)
{
	return (u32)now_us - times(w, samples)[w->first];
}

static s64 extreme(u8 func, s64 a, s64 b)
{
	if (func == AINKA_WINDOW_MIN)
		return a < b ? a : b;
	return a > b ? a : b;
}

/* Towards 0, as division is; the sum of 64 numbers need not fit, so they are divided first. */
static s64 average(const struct ainka_window *w, u32 samples)
{
	s64 whole = 0, rest = 0;
	u32 i;

	for (i = 0; i < w->n; i++) {
		s64 val = w->sample[(w->first + i) % samples];

		AINKA_COUNT_STEP();
		whole += val / w->n;
		rest += val % w->n;
	}
	/* the parts may have different signs */
	whole += rest / w->n;
	rest %= w->n;
	if (whole > 0 && rest < 0)
		return whole - 1;
	return whole < 0 && rest > 0 ? whole + 1 : whole;
}

static s64 most(const struct ainka_window *w, u8 func, u32 samples)
{
	s64 result = w->sample[w->first];
	u32 i;

	for (i = 1; i < w->n; i++) {
		AINKA_COUNT_STEP();
		result = extreme(func, result, w->sample[(w->first + i) % samples]);
	}
	return result;
}

/* A change in so many microseconds as a change a second, towards 0. */
static s64 per_second(s64 change, u32 us)
{
	s64 whole, part = change % us * 1000000 / us;

	ainka_arith(AINKA_OP_MUL, change / us, 1000000, &whole);
	ainka_arith(AINKA_OP_ADD, whole, part, &whole);
	return whole;
}

static s64 result_of(struct ainka_window *w, const struct ainka_window_def *def, u64 now_us)
{
	u32 samples = ainka_window_samples(def);
	s64 change;

	switch (def->func) {
	case AINKA_WINDOW_AVG:
		return average(w, samples);
	case AINKA_WINDOW_MIN:
	case AINKA_WINDOW_MAX:
		return most(w, def->func, samples);
	default:
		ainka_arith(AINKA_OP_SUB, w->sample[(w->first + w->n - 1) % samples],
			    w->sample[w->first], &change);
		return def->func == AINKA_WINDOW_DELTA ? change :
		       per_second(change, age(w, samples, now_us));
	}
}

static void add_sample(struct ainka_window *w, const struct ainka_window_def *def, s64 val,
		       u64 now_us)
{
	u32 samples = ainka_window_samples(def), at;

	while (w->n && (age(w, samples, now_us) >= length_us(def) || w->n == samples)) {
		AINKA_COUNT_STEP();
		w->first = (w->first + 1) % samples;
		w->n--;
	}
	at = (w->first + w->n++) % samples;
	w->sample[at] = val;
	times(w, samples)[at] = (u32)now_us;
	w->newest_us = now_us;
	w->known = age(w, samples, now_us) + longest_gap(def) >= length_us(def);
	if (w->known)
		w->value = result_of(w, def, now_us);
}

/**
 * ainka_window_feed - show a window the present value of its signal
 * @w: zero-initialised
 * @def: the window
 * @val: a fresh value; while there is none, the window is not fed
 * @now_us: time, which does not wrap
 */
void ainka_window_feed(struct ainka_window *w, const struct ainka_window_def *def, s64 val,
		       u64 now_us)
{
	bool is_extreme = def->func == AINKA_WINDOW_MIN || def->func == AINKA_WINDOW_MAX;

	if (w->n && (now_us < w->newest_us || now_us - w->newest_us > longest_gap(def))) {
		/* begin anew */
		w->n = 0;
		w->known = 0;
		w->pending = 0;
	}
	if (is_extreme) {
		w->extreme = w->pending ? extreme(def->func, w->extreme, val) : val;
		w->pending = 1;
	}
	/*
	 * Samples lie on a grid of the clock, not of the window's beginning: two
	 * windows that have seen the same for their length hold the same.
	 */
	if (w->n && now_us / spacing(def) == w->newest_us / spacing(def))
		return;
	add_sample(w, def, is_extreme ? w->extreme : val, now_us);
	w->pending = 0;
}

/**
 * ainka_window_read - what a window comes to
 * @w: the window's samples
 * @def: the window
 * @now_us: time
 * @val: out, untouched when it is unknown
 *
 * Return: whether it is known.
 */
bool ainka_window_read(const struct ainka_window *w, const struct ainka_window_def *def,
		       u64 now_us, s64 *val)
{
	if (!w->known || now_us < w->newest_us || now_us - w->newest_us > longest_gap(def))
		return false;
	*val = w->pending ? extreme(def->func, w->value, w->extreme) : w->value;
	return true;
}
