// SPDX-License-Identifier: Apache-2.0
/* Numbers: arithmetic in 128 bits, literals digit by digit. */
#include "reference.h"

static const struct {
	const char *name;
	int kind;
	s64 size;
} unit_list[] = {
	{ "ns", 0, 1 }, { "us", 0, 1000 }, { "ms", 0, 1000000 }, { "cs", 0, 10000000 },
	{ "s", 0, 1000000000 }, { "min", 0, 60000000000 }, { "h", 0, 3600000000000 },
	{ "bytes", 1, 1 }, { "B", 1, 1 }, { "KiB", 1, 1024 }, { "MiB", 1, 1048576 },
	{ "GiB", 1, 1073741824 }, { "TiB", 1, 1099511627776 },
	{ "ppm", 2, 1 }, { "permyriad", 2, 100 }, { "permille", 2, 1000 }, { "%", 2, 10000 },
	{ "percent", 2, 10000 },
	{ "Hz", 3, 1 }, { "hz", 3, 1 }, { "kHz", 3, 1000 }, { "khz", 3, 1000 },
	{ "MHz", 3, 1000000 }, { "mhz", 3, 1000000 }, { "GHz", 3, 1000000000 },
};

bool unit_of(const char *name, int *kind, s64 *size)
{
	for (u32 i = 0; i < ARRAY_SIZE(unit_list); i++) {
		if (!strcmp(unit_list[i].name, name)) {
			*kind = unit_list[i].kind;
			*size = unit_list[i].size;
			return true;
		}
	}
	return false;
}

s64 clip(wide value)
{
	if (value > HIGHEST)
		return HIGHEST;
	if (value < LOWEST)
		return LOWEST;
	return value;
}

enum truth compare(const char *sign, struct number a, struct number b)
{
	if (!a.known || !b.known)
		return UNKNOWN;
	if (!strcmp(sign, "<"))
		return a.value < b.value ? YES : NO;
	if (!strcmp(sign, "<="))
		return a.value <= b.value ? YES : NO;
	if (!strcmp(sign, ">"))
		return a.value > b.value ? YES : NO;
	if (!strcmp(sign, ">="))
		return a.value >= b.value ? YES : NO;
	if (!strcmp(sign, "=="))
		return a.value == b.value ? YES : NO;
	return a.value != b.value ? YES : NO;
}

struct number arithmetic(char sign, struct number a, struct number b)
{
	struct number result = { .known = a.known && b.known };
	wide x = a.value, y = b.value, z = 0;

	if (!result.known)
		return result;
	if ((sign == '/' || sign == '%') && y == 0) {
		result.known = false;
		return result;
	}
	if (sign == '+')
		z = x + y;
	else if (sign == '-')
		z = x - y;
	else if (sign == '*')
		z = x * y;
	else if (sign == '/')
		z = x / y;
	else
		z = x % y;
	result.value = clip(z);
	return result;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || digit(c);
}

bool read_literal(const char *text, struct literal *lit)
{
	char unit[32] = "";
	wide all = 0, divisor = 1;
	s64 size;
	u32 i = 0, n = 0;
	bool point, large = false;

	for (; digit(text[i]) || (text[i] == '_' && digit(text[i + 1])); i++) {
		if (digit(text[i]))
			all = all * 10 + (text[i] - '0');
		if (all > HIGHEST) {
			large = true;
			all = 0;
		}
	}
	point = text[i] == '.';
	if (point) {
		u32 last = ++i;

		if (!digit(text[i]))
			return false;
		for (u32 j = i; digit(text[j]); j++)
			if (text[j] != '0')
				last = j + 1;
		for (; i < last; i++) {
			all = all * 10 + (text[i] - '0');
			divisor *= 10;
			/* more digits than any number that is exact can have */
			if (all > HIGHEST || divisor > HIGHEST) {
				large = true;
				all = 0;
				divisor = 1;
			}
		}
		while (digit(text[i]))
			i++;
	}
	if (text[i] == '%') {
		strcpy(unit, "%");
		n = 1;
	} else {
		while (letter(text[i + n]) && n < sizeof(unit) - 1) {
			unit[n] = text[i + n];
			n++;
		}
		unit[n] = '\0';
		if (letter(text[i + n]))
			return false;
	}
	lit->len = i + n;
	lit->kind = -1;
	size = 1;
	if (n && !unit_of(unit, &lit->kind, &size))
		return false;
	lit->size = size;
	all *= size;
	if (large || all > HIGHEST || (point && !n) || all % divisor)
		return false;
	lit->number = all / divisor;
	return true;
}

struct number signal_now(const struct moment *m, u32 id)
{
	for (u32 i = 0; i < SIGNALS; i++)
		if (signal_at(i)->id == id)
			return m->signal[i];
	return (struct number){ 0 };
}

bool may_read(u32 id, u32 subject)
{
	for (u32 i = 0; i < SIGNALS; i++)
		if (signal_at(i)->id == id)
			return id < 0x100 || id >> 8 == subject;
	return false;
}
