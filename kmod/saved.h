/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_SAVED_H
#define AINKA_SAVED_H

#include <linux/types.h>

/* What belongs to a tunable that is saved as text: a line "name=value" for each attribute. */

int ainka_saved_put(char *text, const char *name, const char *value);
bool ainka_saved_get(const char *text, const char *name, char *value, size_t size);
const char *ainka_saved_next(const char *line, char *name, size_t name_size, char *value,
			     size_t value_size);

#endif
