// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

u64 ainka_steps;

static const struct ainka_signal_def registered[2] = {
	{
		.name = "fuzz.depth_us",
		.unit = "us",
		.source = "external",
		.id = AINKA_SIG(AINKA_SUBJECT_SYSTEM, AINKA_EXTERNAL_FIRST),
	}, {
		.name = "fuzz.kinds_count",
		.unit = "count",
		.source = "external",
		.id = AINKA_SIG(AINKA_SUBJECT_SYSTEM, AINKA_EXTERNAL_FIRST + AINKA_N_EXTERNAL - 1),
	},
};

const struct ainka_signal_def *signal_at(u32 i)
{
	return i < AINKA_N_SIGNALS ? &ainka_signals[i] : &registered[i - AINKA_N_SIGNALS];
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Called by libFuzzer before anything else. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct ainka_signal_def *table[AINKA_N_EXTERNAL] = {
		[0] = &registered[0],
		[AINKA_N_EXTERNAL - 1] = &registered[1],
	};

	(void)argc;
	(void)argv;
	ainka_signals_extend(table);
	return 0;
}

void take(struct input *in, void *to, size_t size)
{
	size_t n = size < in->left ? size : in->left;

	memset(to, 0, size);
	if (n)
		memcpy(to, in->data, n);
	in->data += n;
	in->left -= n;
}

u8 take_u8(struct input *in)
{
	u8 v;

	take(in, &v, sizeof(v));
	return v;
}

u16 take_u16(struct input *in)
{
	u16 v;

	take(in, &v, sizeof(v));
	return v;
}

u32 take_u32(struct input *in)
{
	u32 v;

	take(in, &v, sizeof(v));
	return v;
}

u64 take_u64(struct input *in)
{
	u64 v;

	take(in, &v, sizeof(v));
	return v;
}

/* Mostly small numbers, which meet thresholds; the extremes; now and then any number. */
s64 take_value(struct input *in, bool *known)
{
	u8 c = take_u8(in);

	*known = c != 0x80;
	switch (c) {
	case 0xff:
		return HIGHEST;
	case 0xfe:
		return LOWEST;
	case 0xfd:
		return take_u64(in);
	case 0xfc:
		return take_u8(in) * 1000;
	default:
		return (s8)c;
	}
}

/* The input up to the end of a line, as a string of exactly its size. */
char *take_line(struct input *in)
{
	const u8 *end = in->left ? memchr(in->data, '\n', in->left) : NULL;
	size_t n = end ? (size_t)(end - in->data) : in->left;
	char *text = malloc(n + 1);

	take(in, text, n);
	text[n] = '\0';
	if (end)
		take_u8(in);
	return text;
}

/* Only signals that the subject has: those of the others are unknown. */
void take_moment(struct input *in, u32 subject, struct moment *m)
{
	u32 i;

	for (i = 0; i < SIGNALS; i++) {
		struct number *n = &m->signal[i];

		memset(n, 0, sizeof(*n));
		if (may_read(signal_at(i)->id, subject))
			n->value = take_value(in, &n->known);
	}
}

void show(struct ainka_env *env, u32 subject, const struct moment *m)
{
	s64 val[4][AINKA_BANK_MAX] = { 0 };
	u8 fresh[4][AINKA_BANK_MAX] = { 0 };
	u32 i;

	for (i = 0; i < SIGNALS; i++) {
		u32 bank = signal_at(i)->id >> 8, index = signal_at(i)->id & 0xff;

		val[bank][index] = m->signal[i].value;
		/* any number but 0 means fresh */
		fresh[bank][index] = m->signal[i].known ? 1 + i % 255 : 0;
	}
	ainka_env_system(env, val[0], fresh[0]);
	ainka_env_external(env, val[0] + AINKA_EXTERNAL_FIRST, fresh[0] + AINKA_EXTERNAL_FIRST);
	if (subject && subject <= AINKA_SUBJECT_DEVICE)
		ainka_env_subject(env, val[subject], fresh[subject], ainka_signals_of(subject));
}

bool same_truth(enum ainka_truth core, enum truth reference)
{
	return core == (reference == YES ? AINKA_TRUE :
			reference == NO ? AINKA_FALSE : AINKA_UNKNOWN);
}
