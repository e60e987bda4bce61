// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes whose values are words. To policies and to the journal a word is
 * its number in the tunable's names, which are the same on every kernel.
 */
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>

#include "choice.h"

/**
 * ainka_choice_word() - the word of a number
 * @values: names of the values, as in struct ainka_bounds
 * @value: the number
 * @word: gets the word, AINKA_WORD_LEN bytes
 *
 * Return: false if the number has none.
 */
bool ainka_choice_word(const char *values, s64 value, char *word)
{
	while (*values) {
		const char *equals = strchrnul(values, '=');
		const char *end = strchrnul(values, ' ');
		char number[AINKA_WORD_LEN];
		s64 v;

		strscpy(number, *equals ? equals + 1 : equals,
			min_t(size_t, sizeof(number), end - equals));
		if (equals - values < AINKA_WORD_LEN && !kstrtos64(number, 10, &v) && v == value) {
			memcpy(word, values, equals - values);
			word[equals - values] = '\0';
			return true;
		}
		values = *end ? end + 1 : end;
	}
	return false;
}

/**
 * ainka_choice_value() - the number of a word
 * @values: names of the values, as in struct ainka_bounds
 * @word: the word
 *
 * Return: the number, or AINKA_WORD_UNKNOWN.
 */
s64 ainka_choice_value(const char *values, const char *word)
{
	size_t len = strlen(word);

	while (*values) {
		const char *end = strchrnul(values, ' ');

		if (!strncmp(values, word, len) && values[len] == '=') {
			char number[AINKA_WORD_LEN];
			s64 v;

			strscpy(number, values + len + 1,
				min_t(size_t, sizeof(number), end - (values + len)));
			return kstrtos64(number, 10, &v) ? AINKA_WORD_UNKNOWN : v;
		}
		values = *end ? end + 1 : end;
	}
	return AINKA_WORD_UNKNOWN;
}

/**
 * ainka_choice_selected() - the word in force
 * @text: what the attribute reads, "one [two] three" or a word alone; changed
 *
 * Return: the word.
 */
char *ainka_choice_selected(char *text)
{
	char *begin = strchr(text, '[');
	char *end = begin ? strchr(begin, ']') : NULL;

	if (!end)
		return strim(text);
	*end = '\0';
	return begin + 1;
}

/**
 * ainka_choice_offered() - is a word among those that an attribute takes?
 * @text: what it reads, the words with blanks between, one in brackets or none
 * @word: the word
 *
 * Return: true if it is.
 */
bool ainka_choice_offered(const char *text, const char *word)
{
	static const char between[] = "\n []";
	size_t len = strlen(word);

	while (*(text += strspn(text, between))) {
		size_t n = strcspn(text, between);

		if (n == len && !memcmp(text, word, n))
			return true;
		text += n;
	}
	return false;
}
