/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_REACT_H
#define AINKA_REACT_H

#include <linux/types.h>

/* struct ainka_react_stats - events that changed the machine */
struct ainka_react_stats {
	u64 changed;	/* how many did */
	u64 lost;	/* about a subject that is gone or one too many */
	u64 p50_ns;	/* from the event to the change */
	u64 p99_ns;
};

void ainka_react(void);
void ainka_react_flush(void);
void ainka_react_stats(struct ainka_react_stats *stats);

#endif
