/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_SIGNALS_H
#define AINKA_SIGNALS_H

#include "ainka_core.h"

int ainka_signals_init(void);
void ainka_signals_exit(void);
void ainka_signal_set(u16 id, s64 value, u64 now_ns);
void ainka_signal_forget(u16 id);
bool ainka_signal_get(u16 id, u64 now_ns, s64 *value, u64 *age_ns);
void ainka_signals_sample(u64 now_ns);
void ainka_signals_bank(u64 now_ns, s64 *val, u8 *fresh);

#endif
