// SPDX-License-Identifier: Apache-2.0
/* Fills a ring with the layout of kernel/bpf/ringbuf.c, for tests/bench/event_ring. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ainka_events.h"

#define BUSY (1U << 31)
#define DISCARDED (1U << 30)

struct slot {
	uint32_t length;
	uint32_t page;
	struct ainka_event_rec rec;
};

/*
 * Write records until there is no room; one in @discard is discarded. As in the
 * kernel a record is reserved as busy, written, and committed; its copy in the
 * second half is the same memory there, and is written too here.
 */
uint64_t fill(char *area, uint64_t size, uint32_t discard)
{
	uint64_t page = sysconf(_SC_PAGESIZE), n = 0, head, stride = sizeof(struct slot);
	uint64_t *tail = (uint64_t *)area, *position = (uint64_t *)(area + page);
	char *data = area + 2 * page;

	for (head = *position; head + stride - __atomic_load_n(tail, __ATOMIC_ACQUIRE) < size;
	     head += stride, n++) {
		struct slot *slot = (struct slot *)(data + head % size);
		uint32_t flags = discard && n % discard == 0 ? DISCARDED : 0;

		slot->length = sizeof(slot->rec) | BUSY;
		__atomic_store_n(position, head + stride, __ATOMIC_RELEASE);
		memset(&slot->rec, 0, sizeof(slot->rec));
		slot->rec.time_ns = n;
		slot->rec.pid = n;
		slot->rec.type = n % AINKA_EVENT_TYPES;
		slot->rec.weight = 1;
		memcpy(slot->rec.comm, "synthetic", 10);
		__atomic_store_n(&slot->length, sizeof(slot->rec) | flags, __ATOMIC_RELEASE);
		memcpy((char *)slot + size, slot, stride);
	}
	return n;
}
