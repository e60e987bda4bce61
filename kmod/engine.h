/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_ENGINE_H
#define AINKA_ENGINE_H

#include <linux/types.h>

struct kthread_work;

/* struct ainka_engine_stats - evaluations of the whole table */
struct ainka_engine_stats {
	u64 rounds;
	u64 min_ns;
	u64 p50_ns;
	u64 p99_ns;
};

int ainka_engine_init(void);
void ainka_engine_drain(void);
void ainka_engine_exit(void);
void ainka_engine_kick(void);
void ainka_engine_settle_soon(void);
void ainka_engine_walk_soon(void);
void ainka_engine_queue(struct kthread_work *work);
u64 ainka_engine_walk(void);
void ainka_engine_sync(u32 reason);
void ainka_engine_stats(struct ainka_engine_stats *stats);

#endif
