// SPDX-License-Identifier: GPL-2.0
/*
 * What was decided: numbered, remembered for a while, written to the ring and
 * sent to whoever listens.
 */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "decision.h"
#include "netlink.h"
#include "params.h"
#include "ring.h"

/* protects remembered and counts */
static DEFINE_SPINLOCK(log_lock);
static struct ainka_record remembered[AINKA_DECISIONS];
static struct ainka_decision_counts counts;

/**
 * ainka_decision_log() - journal a decision
 * @rec: the decision; its id and time are filled in
 *
 * Context: a task that may sleep.
 */
void ainka_decision_log(struct ainka_record *rec)
{
	rec->type = AINKA_RECORD_DECISION;
	rec->time_ns = ktime_get_ns();
	spin_lock(&log_lock);
	rec->id = ++counts.total;
	switch (rec->verdict) {
	case AINKA_VERDICT_APPLIED:
	case AINKA_VERDICT_CLAMPED:
		counts.applied++;
		break;
	case AINKA_VERDICT_RESTORED:
		counts.restored++;
		break;
	case AINKA_VERDICT_REFUSED:
		counts.refused++;
		break;
	}
	remembered[rec->id % AINKA_DECISIONS] = *rec;
	spin_unlock(&log_lock);
	if (READ_ONCE(ainka_debug))
		pr_info("decision %llu: %s %s %s %u %lld -> %lld verdict %u reason %u (%s)\n",
			rec->id, rec->policy, rec->tunable, rec->label, rec->pid, rec->old_value,
			rec->new_value, rec->verdict, rec->reason, rec->path);
	ainka_ring_write(rec);
	ainka_netlink_decision(rec);
}

/**
 * ainka_decision_get() - look a decision up
 * @id: its number
 * @rec: gets the decision
 *
 * Return: false if it is not remembered.
 */
bool ainka_decision_get(u64 id, struct ainka_record *rec)
{
	bool found;

	spin_lock(&log_lock);
	found = id && remembered[id % AINKA_DECISIONS].id == id;
	if (found)
		*rec = remembered[id % AINKA_DECISIONS];
	spin_unlock(&log_lock);
	return found;
}

/**
 * ainka_decision_oldest() - where a dump begins
 *
 * Return: number of the oldest decision that is remembered, 1 if none is yet.
 */
u64 ainka_decision_oldest(void)
{
	u64 total;

	spin_lock(&log_lock);
	total = counts.total;
	spin_unlock(&log_lock);
	return total > AINKA_DECISIONS ? total - AINKA_DECISIONS + 1 : 1;
}

/**
 * ainka_decision_counts() - read the counters
 * @out: gets them
 */
void ainka_decision_counts(struct ainka_decision_counts *out)
{
	spin_lock(&log_lock);
	*out = counts;
	spin_unlock(&log_lock);
}
