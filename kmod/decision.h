/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_DECISION_H
#define AINKA_DECISION_H

#include "ainka_core.h"

/* Decisions remembered for decision-get; about 200 KiB. */
#define AINKA_DECISIONS 512

/* struct ainka_decision_counts - decisions since the module was loaded */
struct ainka_decision_counts {
	u64 total;
	u64 applied;	/* applied or clamped */
	u64 restored;
	u64 refused;
};

void ainka_decision_log(struct ainka_record *rec);
bool ainka_decision_get(u64 id, struct ainka_record *rec);
u64 ainka_decision_oldest(void);
void ainka_decision_counts(struct ainka_decision_counts *counts);

#endif
