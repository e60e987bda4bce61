/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_PARAMS_H
#define AINKA_PARAMS_H

#include <linux/types.h>

#define AINKA_VERSION "0.1.0"

#define AINKA_MAX_POLICIES 256

/* Values as they are now; see params.c for what each one means. */
extern unsigned int ainka_emergency_threshold;
extern bool ainka_learning_mode;
extern unsigned int ainka_max_policies;
extern unsigned int ainka_tick_us;
extern unsigned int ainka_ring_kib;
extern unsigned int ainka_lease_ms;
extern unsigned int ainka_park_turns;
extern bool ainka_enforce;
extern bool ainka_debug;
extern bool ainka_record_inputs;

int ainka_param_set(const char *name, const char *value);
bool ainka_param_protects(const char *comm);

#endif
