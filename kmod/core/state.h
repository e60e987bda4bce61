/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The state machine (state.c). */
#ifndef AINKA_CORE_STATE_H
#define AINKA_CORE_STATE_H

#include "types.h"

enum ainka_event {
	AINKA_EVENT_ADMIN,		/* an admin asks for a state; arg is the state */
	AINKA_EVENT_PROMOTED,		/* the learner has promoted a policy */
	AINKA_EVENT_LEARNER_GONE,	/* the lease has ended */
	AINKA_EVENT_STALL_HIGH,		/* full stall at or above emergency_threshold */
	AINKA_EVENT_STALL_LOW,		/* full stall below half of it for 10 s */
	AINKA_N_EVENTS
};

/* The state after the event; equal to @state where the table has no transition. */
u32 ainka_state_next(u32 state, enum ainka_event event, u32 arg);
/* May a policy of this origin write tunables in this state? */
bool ainka_state_allows(u32 state, u32 origin, u32 states_mask);

#endif
