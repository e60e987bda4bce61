/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_STATUS_H
#define AINKA_STATUS_H

#include "decision.h"
#include "engine.h"
#include "event.h"
#include "machine_state.h"
#include "react.h"

/* struct ainka_status - what netlink and /proc show of the module */
struct ainka_status {
	struct ainka_state_info state;
	struct ainka_decision_counts decisions;
	struct ainka_engine_stats engine;
	struct ainka_event_counts events;
	struct ainka_react_stats react;
	u32 policies;
	u32 held;
	u32 yielded;
	u32 parked;
	u32 lease_ms;
	u32 maps;
	u64 ring_drops;
	u64 event_drops;
	u64 lost_children;
	u64 memory_bytes;
	u64 uptime_ns;
};

void ainka_status_init(void);
void ainka_status_get(struct ainka_status *status);

#endif
