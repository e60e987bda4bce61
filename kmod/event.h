/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_EVENT_H
#define AINKA_EVENT_H

#include <linux/types.h>

/* Who posts an event; each has limits of its own. */
enum ainka_source {
	AINKA_FROM_PROBE,	/* the module's own probes */
	AINKA_FROM_BPF,		/* BPF programs, by the kfunc */
	AINKA_FROM_MODULE,	/* other kernel modules */
	AINKA_N_SOURCES
};

/**
 * struct ainka_posted - signal S of subject Y has value V now
 * @time_ns: CLOCK_MONOTONIC
 * @value: the value
 * @start_ns: start time of the task; 0: of whoever has the pid when the event is handled
 * @pid: the task, 0 for the system
 * @signal: id of the signal
 */
struct ainka_posted {
	u64 time_ns;
	s64 value;
	u64 start_ns;
	u32 pid;
	u16 signal;
};

/**
 * struct ainka_event_counts - what became of the events since the module was loaded
 * @taken: put into the queue, by source
 * @limited: above the rate
 * @no_room: the queue was full
 * @refused: from NMI, or from within the posting of another, or no such signal may be posted
 */
struct ainka_event_counts {
	u64 taken[AINKA_N_SOURCES];
	u64 limited;
	u64 no_room;
	u64 refused;
};

int ainka_events_init(void);
void ainka_events_exit(void);
void ainka_events_free(void);
int ainka_event_post(enum ainka_source source, u16 signal, u32 pid, u64 start_ns, s64 value);
bool ainka_event_next(struct ainka_posted *event);
void ainka_event_counts(struct ainka_event_counts *counts);
u64 ainka_events_bytes(void);

#endif
