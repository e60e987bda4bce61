/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_CHOICE_H
#define AINKA_CHOICE_H

#include <linux/types.h>

/* Longest word that is a value, with its NUL. */
#define AINKA_WORD_LEN	24
/* What a value is whose word has no number. */
#define AINKA_WORD_UNKNOWN	(-1)

bool ainka_choice_word(const char *values, s64 value, char *word);
char *ainka_choice_selected(char *text);
s64 ainka_choice_value(const char *values, char *text);
bool ainka_choice_offered(const char *text, const char *word);
bool ainka_choice_takes(const char *values, s64 value, const char *text, char *word);

#endif
