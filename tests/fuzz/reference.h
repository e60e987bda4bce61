/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core once more, as slowly and as plainly as possible: texts are evaluated
 * while they are read, models from their bytes, windows from everything that was
 * ever seen, numbers in 128 bits. Nothing of the core's code is used, only its
 * list of signals and the layout of what comes from outside.
 */
#ifndef AINKA_FUZZ_REFERENCE_H
#define AINKA_FUZZ_REFERENCE_H

#include "ainka_core.h"

typedef __int128 wide;

#define HIGHEST ((s64)(~0ULL >> 1))
#define LOWEST (-HIGHEST - 1)

/* The signals there are: those of the list, and two that were registered at run time. */
#define SIGNALS (AINKA_N_SIGNALS + 2)

const struct ainka_signal_def *signal_at(u32 i);

enum truth { NO, YES, UNKNOWN };

struct number {
	bool known;
	s64 value;
};

/* What was seen at one time: each signal of the list, and of which subject. */
struct moment {
	u64 us;
	u32 subject_number;
	struct number signal[SIGNALS];
};

/* All that was seen up to now, the present last. */
struct trace {
	u32 n;
	const struct moment *moment;
};

s64 clip(wide value);
enum truth compare(const char *sign, struct number a, struct number b);
struct number arithmetic(char sign, struct number a, struct number b);
struct number signal_now(const struct moment *m, u32 id);
bool may_read(u32 id, u32 subject);

/* Of a window: what it comes to for the subject that is present. */
struct number window_now(const struct trace *trace, u32 id, u32 func, u32 length_ms);

/*
 * The truth of a text at the end of a trace; false when it is no condition. The
 * model's answer is given.
 */
bool text_truth(const char *text, u32 subject, bool has_model, struct number model,
		const struct trace *trace, enum truth *result);

/* A program: an instruction after the other. @window has the answers of the windows. */
enum truth program_truth(const struct ainka_prog *prog, const struct moment *m,
			 struct number model, const struct number *window);

/* A model as bytes: is it one, and what does it say? */
bool model_valid(const u8 *blob, u64 bytes, u32 subject);
struct number model_answer(const u8 *blob, const struct moment *m, u32 *leaf);

/* A value of a tunable; false when it is none. */
struct value {
	int op;		/* as enum ainka_value_op */
	s64 arg;
};

/* A set of CPUs, as a mask or as a list. */
bool cpus_of_text(const char *text, s64 *mask);

bool value_of_text(const char *text, const struct ainka_bounds *b, const char *unit,
		   bool has_model, struct value *v);
s64 value_to_write(const struct value *v, const struct ainka_bounds *b, s64 baseline,
		   s64 present, s64 model);

/* A number with or without a unit at the start of a text, in the smallest unit. */
struct literal {
	u32 len;
	s64 number;
	int kind;	/* what it measures, -1 for a plain number */
	s64 size;	/* of its unit */
};

bool read_literal(const char *text, struct literal *lit);
bool unit_of(const char *name, int *kind, s64 *size);

#endif
