// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * What the BPF programs do to their maps, as a program: a time becomes a bucket,
 * three counters are added to, a record is found in a table of hashes and added
 * to. Tables are as large as theirs, and records are taken in a random order.
 * Prints the nanoseconds of one step: the least of many runs, so that who else
 * wants the CPU does not count. In a guest that counts instructions these are
 * instructions.
 */
#include <stdio.h>
#include <time.h>

#include "types.h"
#include "hist.h"

#define RECORDS	4096
#define SLOTS	(2 * RECORDS)
#define STEPS	2000
#define RUNS	500

struct record {
	u64 key;
	u64 sums[15];
};

static struct record table[SLOTS];
static u64 sum, number, counts[AINKA_HIST_LAST + 1];

static u32 slot_of(u64 key)
{
	u32 slot = (u32)(key * 0x9e3779b97f4a7c15ULL >> 40) % SLOTS;

	while (table[slot].key && table[slot].key != key)
		slot = (slot + 1) % SLOTS;
	return slot;
}

static void step(u64 *state)
{
	struct record *record;
	u64 ns;

	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	ns = *state >> (*state & 31) >> 24;
	__sync_fetch_and_add(&sum, ns);
	__sync_fetch_and_add(&number, 1);
	__sync_fetch_and_add(&counts[ainka_hist_bucket(ns)], 1);
	record = &table[slot_of(1 + *state % RECORDS)];
	record->sums[0] += ns;
	record->sums[8]++;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(void)
{
	u64 state = 88172645463325252ULL;
	double least = 1e18;
	int i, j;

	for (i = 1; i <= RECORDS; i++)
		table[slot_of(i)].key = i;
	for (i = 0; i < RUNS; i++) {
		double begin = now_ns(), spent;

		for (j = 0; j < STEPS; j++)
			step(&state);
		spent = (now_ns() - begin) / STEPS;
		if (spent < least)
			least = spent;
	}
	if (number != (u64)RUNS * STEPS)
		return 1;
	printf("%.3f\n", least);
	return 0;
}
