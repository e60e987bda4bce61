// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "ainka_core.h"

#define N_STATES	(AINKA_STATE_EMERGENCY + 1)
#define N_ORIGINS	(AINKA_ORIGIN_EXPERIMENT + 1)

#define BIT_OF(state)	(1u << (state))
#define ALL		(BIT_OF(N_STATES) - 1)
#define LEARNING	BIT_OF(AINKA_STATE_LEARNING)
#define OPTIMIZING	BIT_OF(AINKA_STATE_OPTIMIZING)
#define PREDICTIVE	BIT_OF(AINKA_STATE_PREDICTIVE_SCALING)
#define EMERGENCY	BIT_OF(AINKA_STATE_EMERGENCY)

/* The transitions that need no argument; from every other state nothing changes. */
static const struct {
	u8 event;
	u8 from;	/* mask of states */
	u8 to;
} transitions[] = {
	{ AINKA_EVENT_PROMOTED, LEARNING, AINKA_STATE_OPTIMIZING },
	{ AINKA_EVENT_LEARNER_GONE, OPTIMIZING | PREDICTIVE, AINKA_STATE_LEARNING },
	{ AINKA_EVENT_STALL_HIGH, ALL, AINKA_STATE_EMERGENCY },
	{ AINKA_EVENT_STALL_LOW, EMERGENCY, AINKA_STATE_LEARNING },
};

/*
 * Where the policies of an origin may write at all. In anomaly_detection what
 * was learned is not trusted, in emergency it is withdrawn.
 */
static const u8 origin_states[N_ORIGINS] = {
	[AINKA_ORIGIN_ADMIN] = ALL,
	[AINKA_ORIGIN_LEARNER] = OPTIMIZING | PREDICTIVE,
	[AINKA_ORIGIN_EXPERIMENT] = LEARNING | OPTIMIZING,
};

/**
 * ainka_state_next - the state after an event
 * @state: enum ainka_state
 * @event: what happened
 * @arg: for AINKA_EVENT_ADMIN the state asked for
 *
 * Return: the next state; @state itself where there is no transition.
 */
u32 ainka_state_next(u32 state, enum ainka_event event, u32 arg)
{
	u32 i;

	if (state >= N_STATES)
		return state;
	if (event == AINKA_EVENT_ADMIN)
		return arg < N_STATES ? arg : state;
	for (i = 0; i < ARRAY_SIZE(transitions); i++)
		if (transitions[i].event == event && transitions[i].from & BIT_OF(state))
			return transitions[i].to;
	return state;
}

/**
 * ainka_state_allows - may a policy of this origin write tunables in this state?
 * @state: enum ainka_state
 * @origin: enum ainka_origin
 * @states_mask: states the policy names; 0 means all but emergency
 *
 * Return: true when both the state and the policy allow it.
 */
bool ainka_state_allows(u32 state, u32 origin, u32 states_mask)
{
	if (state >= N_STATES || origin >= N_ORIGINS)
		return false;
	if (!states_mask)
		states_mask = ALL & ~EMERGENCY;
	return origin_states[origin] & states_mask & BIT_OF(state);
}
