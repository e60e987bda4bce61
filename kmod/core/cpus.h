/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Private to the core: sets of CPUs as values. */
#ifndef AINKA_CORE_CPUS_H
#define AINKA_CORE_CPUS_H

#include "ainka_core.h"

/* Unit of a tunable whose value is a set of CPUs. */
#define AINKA_UNIT_CPUS	"cpumask"

int ainka_cpus_parse(const char *text, u32 len, const struct ainka_bounds *b, s64 *mask,
		     struct ainka_err *err);

#endif
