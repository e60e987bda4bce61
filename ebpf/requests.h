/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The requests that drivers have, by the address of struct request. Finding, adding
 * and removing one happens at every request, so there is no general table of hashes:
 * an address belongs to one set, and a set has a few places.
 */
#ifndef AINKA_REQUESTS_BPF_H
#define AINKA_REQUESTS_BPF_H

#include "ainka_events.h"

#define REQUEST_PLACES	4
#define REQUEST_SETS	(AINKA_REQUESTS_MAX / REQUEST_PLACES)

/*
 * struct start - a request that the driver has
 * @rq: its address, 0 for a place that is free
 */
struct start {
	u64 rq;
	u64 begin_ns;
	u64 issue_ns;
	u32 bytes;
	u32 op;
};

struct starts {
	struct start place[REQUEST_PLACES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REQUEST_SETS);
	__type(key, u32);
	__type(value, struct starts);
} requests SEC(".maps");

/*
 * Requests lie one behind the other in memory; the constant (2^64 / golden ratio)
 * spreads them. The verifier knows that @rq is a pointer, with which it lets nobody
 * calculate: the lower half, in a register of its own, is a number.
 */
static __always_inline struct starts *starts_of(u64 rq)
{
	u32 low, set;

	asm volatile("%0 = %1" : "=w"(low) : "w"((u32)rq));
	set = (low * 0x9e3779b97f4a7c15ULL >> 32) % REQUEST_SETS;
	return bpf_map_lookup_elem(&requests, &set);
}

static __always_inline struct start *start_find(struct starts *starts, u64 rq)
{
	u32 i;

#pragma unroll
	for (i = 0; i < REQUEST_PLACES; i++)
		if (starts->place[i].rq == rq)
			return &starts->place[i];
	return 0;
}

/* A place for a request that has none: other CPUs take places for others of the set. */
static __always_inline struct start *start_take(struct starts *starts, u64 rq)
{
	u32 i;

#pragma unroll
	for (i = 0; i < REQUEST_PLACES; i++)
		if (!starts->place[i].rq &&
		    !__sync_val_compare_and_swap(&starts->place[i].rq, 0, rq))
			return &starts->place[i];
	return 0;
}

/* Whoever takes the place next must not be seen in what was read from it before. */
static __always_inline void start_free(struct start *start)
{
	__sync_lock_test_and_set(&start->rq, 0);
}

#endif
