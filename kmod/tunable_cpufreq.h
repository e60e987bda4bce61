/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_TUNABLE_CPUFREQ_H
#define AINKA_TUNABLE_CPUFREQ_H

#include "tunable.h"

int ainka_cpufreq_identity(const struct ainka_tunable *tun, const struct ainka_target *target,
			   u64 *id);
int ainka_governor_add(const char *name, u32 number);

#endif
