// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes whose values are words. To policies and to the journal a word is
 * its number in the tunable's names, which are the same on every kernel.
 */
#include <linux/string.h>

#include "ainka_core.h"
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
	struct ainka_named named;

	while ((values = ainka_named_next(values, &named)))
		if (named.known && named.value == value && named.len < AINKA_WORD_LEN) {
			memcpy(word, named.name, named.len);
			word[named.len] = '\0';
			return true;
		}
	return false;
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
 * ainka_choice_value() - the number of the word in force
 * @values: names of the values, as in struct ainka_bounds
 * @text: what the attribute reads, as for ainka_choice_selected(); changed
 *
 * Return: the number, or AINKA_WORD_UNKNOWN.
 */
s64 ainka_choice_value(const char *values, char *text)
{
	const char *word = ainka_choice_selected(text);
	s64 value;

	return ainka_named_value(values, word, strlen(word), &value) ? value : AINKA_WORD_UNKNOWN;
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

/**
 * ainka_choice_takes() - does an attribute take the word of a number?
 * @values: names of the values, as in struct ainka_bounds
 * @value: the number
 * @text: what the attribute reads, as for ainka_choice_offered()
 * @word: gets the word if the number has one, AINKA_WORD_LEN bytes
 *
 * Return: false if the number has no word, or that is not offered.
 */
bool ainka_choice_takes(const char *values, s64 value, const char *text, char *word)
{
	return ainka_choice_word(values, value, word) && ainka_choice_offered(text, word);
}
