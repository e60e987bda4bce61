// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The reader's side of the ring of /dev/ainka, and of BPF ring buffers, whose
 * pages begin with the same 64-bit positions, for languages that cannot order
 * their memory accesses themselves. The module has its own, in kmod/.
 */
#include "ainka_core.h"

#ifndef __KERNEL__

/**
 * ainka_ring_load_head - records written so far
 * @producer_page: page of one CPU's ring that the module writes
 *
 * Acquire order: the records up to the result can be read after this.
 *
 * Return: position behind the newest record.
 */
u64 ainka_ring_load_head(const void *producer_page)
{
	const struct ainka_ring_producer *producer = producer_page;

	return __atomic_load_n(&producer->head, __ATOMIC_ACQUIRE);
}

/**
 * ainka_ring_store_tail - give records back
 * @consumer_page: page of one CPU's ring that the reader writes
 * @tail: position behind the last record that was read
 *
 * Release order: the records were read before the module may overwrite them.
 */
void ainka_ring_store_tail(void *consumer_page, u64 tail)
{
	struct ainka_ring_consumer *consumer = consumer_page;

	__atomic_store_n(&consumer->tail, tail, __ATOMIC_RELEASE);
}

/**
 * ainka_ring_fence - nothing that is read after this was read before it
 *
 * For a reader that has looked at many words at once (whether each record is
 * finished, say) and now reads what they vouch for.
 */
void ainka_ring_fence(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

#endif
