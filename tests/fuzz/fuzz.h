/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers share: how an input is consumed, and the signals that both the
 * core and the reference are shown.
 */
#ifndef AINKA_FUZZ_H
#define AINKA_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "ainka_core.h"
#include "reference.h"

#define CHECK(cond) do {							\
	if (!(cond)) {								\
		fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond);	\
		abort();							\
	}									\
} while (0)

/* Counted by the core when it is built with AINKA_COUNT_STEPS. */
extern u64 ainka_steps;

/* Input is consumed from the front; when it runs out, zeros follow. */
struct input {
	const u8 *data;
	size_t left;
};

void take(struct input *in, void *to, size_t size);
u8 take_u8(struct input *in);
u16 take_u16(struct input *in);
u32 take_u32(struct input *in);
u64 take_u64(struct input *in);
s64 take_value(struct input *in, bool *known);
char *take_line(struct input *in);

void take_moment(struct input *in, u32 subject, struct moment *m);
void show(struct ainka_env *env, u32 subject, const struct moment *m);
bool same_truth(enum ainka_truth core, enum truth reference);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
