/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The counters and distributions of times that the programs of all files share;
 * the daemon makes the maps once and gives them to every object. Slots are in
 * kmod/spec/signals.yaml.
 */
#ifndef AINKA_COUNTERS_BPF_H
#define AINKA_COUNTERS_BPF_H

#include "ainka_events.h"
#include "hist.h"
#include "signals_gen.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ainka_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, AINKA_TIMES_MAX);
	__type(key, u32);
	__type(value, struct ainka_times);
} times SEC(".maps");

/* Atomic: an interrupt, or the next task, may add to the same number. */
static __always_inline void count(enum ainka_counter slot, u64 n)
{
	struct ainka_counters *cpu;
	u32 zero = 0;

	cpu = bpf_map_lookup_elem(&counters, &zero);
	if (cpu)
		__sync_fetch_and_add(&cpu->n[slot], n);
}

static __always_inline void count_time(enum ainka_times_slot slot, u64 ns)
{
	u32 bucket = ainka_hist_bucket(ns) / 2, key = slot;
	struct ainka_times *cpu;

	cpu = bpf_map_lookup_elem(&times, &key);
	if (!cpu || bucket >= AINKA_TIMES_BUCKETS)
		return;
	__sync_fetch_and_add(&cpu->sum_ns, ns);
	__sync_fetch_and_add(&cpu->n, 1);
	__sync_fetch_and_add(&cpu->hist[bucket], 1);
}

/*
 * The same where nobody else on this CPU adds to the slot meanwhile: an interrupt
 * that no other of its kind interrupts. Plain additions cost less.
 */
static __always_inline void count_alone(enum ainka_counter slot, u64 n)
{
	struct ainka_counters *cpu;
	u32 zero = 0;

	cpu = bpf_map_lookup_elem(&counters, &zero);
	if (cpu)
		cpu->n[slot] += n;
}

static __always_inline void count_time_alone(enum ainka_times_slot slot, u64 ns)
{
	u32 bucket = ainka_hist_bucket(ns) / 2, key = slot;
	struct ainka_times *cpu;

	cpu = bpf_map_lookup_elem(&times, &key);
	if (!cpu || bucket >= AINKA_TIMES_BUCKETS)
		return;
	cpu->sum_ns += ns;
	cpu->n++;
	cpu->hist[bucket]++;
}

#endif
