/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_RECORD_H
#define AINKA_RECORD_H

#include "settle.h"

void ainka_record_round(const struct ainka_round *round, bool walked);
void ainka_record_events(void);
void ainka_record_exit(void);
u64 ainka_record_bytes(void);

#endif
