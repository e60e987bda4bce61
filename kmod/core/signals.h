/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Private to the core: what expressions and models share about signals. */
#ifndef AINKA_CORE_SIGNALS_H
#define AINKA_CORE_SIGNALS_H

#include "ainka_core.h"

const char *ainka_subject_name(u32 subject);
bool ainka_signal_fits(u16 id, u32 subject);
const struct ainka_signal_def *ainka_signal_nearest(const char *name, u32 len, u32 subject);

#endif
