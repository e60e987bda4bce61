// SPDX-License-Identifier: GPL-2.0
/* The figures that tell how the module is doing, collected in one place. */
#include <linux/ktime.h>
#include <linux/math64.h>

#include "ainka_events.h"
#include "anomaly.h"
#include "counted.h"
#include "journal.h"
#include "lease.h"
#include "maps.h"
#include "netlink.h"
#include "record.h"
#include "ring.h"
#include "status.h"
#include "subjects.h"
#include "table.h"

static u64 loaded_ns;

/**
 * ainka_status_init() - remember when the module was loaded
 */
void ainka_status_init(void)
{
	loaded_ns = ktime_get_ns();
}

/* What is allocated beside the ring: tables, windows, policies, journal. */
static u64 memory_bytes(void)
{
	u64 bytes = ainka_subjects_bytes() + ainka_record_bytes() + ainka_counted_bytes() +
		    ainka_events_bytes() + ainka_anomaly_bytes() +
		    12 * sizeof(struct ainka_sched_stats) +
		    AINKA_DECISIONS * sizeof(struct ainka_record);
	const struct ainka_table *t;
	u32 i;

	rcu_read_lock();
	t = ainka_table();
	for (i = 0; i < t->n; i++)
		bytes += t->policy[i]->bytes;
	rcu_read_unlock();
	return bytes + ainka_journal_held() * sizeof(struct ainka_hold);
}

static u32 parked(void)
{
	const struct ainka_table *t;
	u32 i, n = 0;

	mutex_lock(&ainka_table_lock);
	t = ainka_table();
	for (i = 0; i < t->n; i++)
		n += ainka_park_count(t->policy[i]);
	mutex_unlock(&ainka_table_lock);
	return n;
}

/**
 * ainka_status_get() - collect them
 * @status: gets them, each from its own moment
 */
void ainka_status_get(struct ainka_status *status)
{
	u64 now_ns = ktime_get_ns();

	ainka_state_info(&status->state);
	ainka_decision_counts(&status->decisions);
	ainka_engine_stats(&status->engine);
	ainka_event_counts(&status->events);
	ainka_react_stats(&status->react);
	rcu_read_lock();
	status->policies = ainka_table()->n;
	rcu_read_unlock();
	status->held = ainka_journal_held();
	status->yielded = ainka_journal_yielded();
	status->parked = parked();
	status->lease_ms = div_u64(ainka_lease_left_ns(now_ns), NSEC_PER_MSEC);
	status->maps = ainka_maps_attached();
	status->ring_drops = ainka_ring_drops();
	status->event_drops = ainka_netlink_event_drops();
	status->lost_children = ainka_journal_lost();
	status->memory_bytes = memory_bytes();
	status->uptime_ns = now_ns - loaded_ns;
}
