// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * A set of CPUs is a mask in a value: bit n is CPU n, and a value is positive, so
 * that CPUs 0 to 62 can be told. It is written as a mask (0x5) or as a list (0,2).
 */
#include "cpus.h"
#include "text.h"
#include "units.h"

#define CPUS_MAX	63
#define HEX_DIGITS_MAX	16

static int digit_of(char c)
{
	if (ainka_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads the digits of a mask; false when there is something else, or too many of them. */
static bool hex(const char *text, u32 len, u64 *mask)
{
	u32 i;

	*mask = 0;
	if (!len || len > HEX_DIGITS_MAX)
		return false;
	for (i = 0; i < len; i++) {
		int digit = digit_of(text[i]);

		if (digit < 0)
			return false;
		*mask = *mask << 4 | (u32)digit;
	}
	return true;
}

/* Reads one CPU; returns how many characters it takes, 0 if it is none. */
static u32 cpu(const char *text, u32 *number)
{
	u32 i;

	*number = 0;
	for (i = 0; i < 3 && ainka_is_digit(text[i]); i++)
		*number = *number * 10 + (u32)(text[i] - '0');
	return *number < CPUS_MAX ? i : 0;
}

/* Reads 0-2,5; false when there is something else. */
static bool list(const char *text, u32 len, u64 *mask)
{
	u32 i = 0;

	*mask = 0;
	for (;;) {
		u32 first, last, n = cpu(text + i, &first);

		if (!n)
			return false;
		i += n;
		last = first;
		if (text[i] == '-') {
			n = cpu(text + i + 1, &last);
			if (!n || last < first)
				return false;
			i += n + 1;
		}
		for (; first <= last; first++)
			*mask |= 1ULL << first;
		if (i == len)
			return true;
		if (text[i++] != ',')
			return false;
	}
}

static int fail(const char *text, u32 len, const struct ainka_bounds *b, bool set,
		struct ainka_err *err)
{
	struct ainka_text t;
	u32 last = 0;

	while (last < CPUS_MAX - 1 && b->max >> (last + 1))
		last++;
	ainka_err_start(&t, err, 0, len);
	ainka_text_put(&t, text, len);
	ainka_text_str(&t, set ? " is not among CPUs 0 to " :
		       ": a mask (0x5) or a list (0,2-3) is allowed, of CPUs 0 to ");
	ainka_text_num(&t, last);
	ainka_text_end(&t);
	return -EINVAL;
}

/**
 * ainka_cpus_parse - parse a set of CPUs
 * @text: NUL-terminated: 0x5, or 0,2-3
 * @len: its length
 * @b: what the tunable accepts
 * @mask: out
 * @err: out, what is wrong; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_cpus_parse(const char *text, u32 len, const struct ainka_bounds *b, s64 *mask,
		     struct ainka_err *err)
{
	bool is_mask = len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	u64 bits;

	if (is_mask ? !hex(text + 2, len - 2, &bits) : !list(text, len, &bits))
		return fail(text, len, b, false, err);
	if (!bits)
		return ainka_err_say(err, 0, len, "it names no CPU");
	if (bits >> CPUS_MAX || (s64)bits < b->min || (s64)bits > b->max)
		return fail(text, len, b, true, err);
	*mask = (s64)bits;
	return 0;
}
