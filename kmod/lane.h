/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_LANE_H
#define AINKA_LANE_H

#include "ainka_core.h"
#include "target.h"
#include "tunable.h"

struct ainka_hold;

/* enum ainka_task - what is done with an entry of the journal */
enum ainka_task { AINKA_TASK_SET, AINKA_TASK_RESTORE, AINKA_TASK_LOOK };

int ainka_lane_init(void);
void ainka_lane_exit(void);
void ainka_lane_flush(void);
bool ainka_lane_busy(void);
void ainka_lane_queue(struct ainka_hold *hold, s64 value, enum ainka_task task,
		      const struct ainka_record *rec);
int ainka_lane_tell(const struct ainka_tunable *tun, const struct ainka_target *target,
		    const struct ainka_value *value, s64 model, const struct ainka_record *rec);

#endif
