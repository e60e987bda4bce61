// SPDX-License-Identifier: GPL-2.0
/*
 * The per-CPU ring that /dev/ainka maps. One area for all CPUs, laid out as
 * uapi/linux/ainka_abi.h says. The reader's tail is hostile: it is read once
 * and believed only as far as it makes sense.
 *
 * A record may be written in a task, an interrupt or an NMI, which nest. Each
 * writer reserves its slot by an add that cannot be torn on its own CPU; only
 * the outermost publishes, when every slot below the reservation is written.
 */
#include <linux/irq_work.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <asm/local.h>

#include "compat.h"
#include "params.h"
#include "ring.h"

struct cpu_ring {
	struct ainka_ring_consumer *consumer;
	struct ainka_ring_producer *producer;
	struct ainka_record *records;
	local_t reserved;
	local_t nested;
	local_t drops;
	struct irq_work wake;
};

static void *area;
static size_t area_bytes;
static unsigned int n_records;
static struct cpu_ring __percpu *rings;
static DECLARE_WAIT_QUEUE_HEAD(readers);

static void wake_readers(struct irq_work *work)
{
	wake_up_interruptible(&readers);
}

/**
 * ainka_ring_init() - allocate the rings, of ring_kib each
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_ring_init(void)
{
	size_t data_bytes = PAGE_ALIGN((size_t)ainka_ring_kib * 1024);
	size_t consumers = (size_t)nr_cpu_ids * PAGE_SIZE;
	size_t per_cpu = PAGE_SIZE + data_bytes;
	int cpu;

	BUILD_BUG_ON(sizeof(struct ainka_record) != 512);
	BUILD_BUG_ON(sizeof(struct ainka_inputs) != sizeof(struct ainka_record));
	BUILD_BUG_ON(offsetof(struct ainka_inputs, cpu) != offsetof(struct ainka_record, cpu));
	n_records = rounddown_pow_of_two(data_bytes / sizeof(struct ainka_record));
	area_bytes = consumers + nr_cpu_ids * per_cpu;
	area = vmalloc_user(area_bytes);
	if (!area)
		return -ENOMEM;
	rings = alloc_percpu(struct cpu_ring);
	if (!rings) {
		vfree(area);
		return -ENOMEM;
	}
	for_each_possible_cpu(cpu) {
		struct cpu_ring *ring = per_cpu_ptr(rings, cpu);

		ring->consumer = area + (size_t)cpu * PAGE_SIZE;
		ring->producer = area + consumers + cpu * per_cpu;
		ring->records = (void *)ring->producer + PAGE_SIZE;
		ring->producer->magic = AINKA_RING_MAGIC;
		ring->producer->n_records = n_records;
		ring->producer->record_size = sizeof(struct ainka_record);
		ring->producer->n_cpus = nr_cpu_ids;
		ring->producer->data_pages = data_bytes / PAGE_SIZE;
		init_irq_work(&ring->wake, wake_readers);
	}
	return 0;
}

/**
 * ainka_ring_exit() - free the rings; nobody maps or writes them any more
 */
void ainka_ring_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(&per_cpu_ptr(rings, cpu)->wake);
	free_percpu(rings);
	vfree(area);
}

/**
 * ainka_ring_write() - append a record to the ring of this CPU, in any context
 * @rec: struct ainka_record or struct ainka_inputs; its CPU is filled in
 *
 * Return: false if there was no room; the record is dropped and counted.
 */
bool ainka_ring_write(const void *rec)
{
	struct cpu_ring *ring;
	struct ainka_record *slot;
	unsigned long pos, used;
	bool written = false;

	preempt_disable();
	ring = this_cpu_ptr(rings);
	local_inc(&ring->nested);
	for (;;) {
		pos = local_read(&ring->reserved);
		/* a tail ahead of the head or a lap behind counts as full */
		used = pos - (unsigned long)smp_load_acquire(&ring->consumer->tail);
		if (used >= n_records) {
			local_inc(&ring->drops);
			goto publish;
		}
		if (local_cmpxchg(&ring->reserved, pos, pos + 1) == pos)
			break;
	}
	slot = &ring->records[pos & (n_records - 1)];
	memcpy(slot, rec, sizeof(*slot));
	slot->cpu = smp_processor_id();
	written = true;
publish:
	/*
	 * A nested writer leaves publishing to the one it interrupted. One that
	 * comes between the read and the decrement publishes nothing, so look
	 * again afterwards.
	 */
	do {
		pos = local_read(&ring->reserved);
		if (local_read(&ring->nested) == 1) {
			WRITE_ONCE(ring->producer->drops, local_read(&ring->drops));
			/* who sees the head sees the records below it */
			smp_store_release(&ring->producer->head, (u64)pos);
		}
		local_dec(&ring->nested);
		if (local_read(&ring->nested) || local_read(&ring->reserved) == pos)
			break;
		local_inc(&ring->nested);
	} while (true);
	if (wq_has_sleeper(&readers))
		irq_work_queue(&ring->wake);
	preempt_enable();
	return written;
}

/**
 * ainka_ring_mmap() - map the rings, as the layout in ainka_abi.h says
 * @file: the device
 * @vma: pages wanted; for writing only consumer pages
 *
 * Return: 0, -EINVAL for pages there are not, -EACCES for others to write.
 */
int ainka_ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long first = vma->vm_pgoff, pages = vma_pages(vma);

	if (first >= area_bytes >> PAGE_SHIFT || pages > (area_bytes >> PAGE_SHIFT) - first)
		return -EINVAL;
	if (first + pages > nr_cpu_ids) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		ainka_vma_clear_maywrite(vma);
	}
	return remap_vmalloc_range(vma, area, first);
}

static bool has_records(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct cpu_ring *ring = per_cpu_ptr(rings, cpu);

		if (READ_ONCE(ring->producer->head) != READ_ONCE(ring->consumer->tail))
			return true;
	}
	return false;
}

/**
 * ainka_ring_poll() - wait for records
 * @file: the device
 * @wait: of the caller
 *
 * Return: EPOLLIN when there are records to read.
 */
__poll_t ainka_ring_poll(struct file *file, poll_table *wait)
{
	poll_wait(file, &readers, wait);
	return has_records() ? EPOLLIN | EPOLLRDNORM : 0;
}

/**
 * ainka_ring_drops() - records for which there was no room
 *
 * Return: their number, on all CPUs.
 */
u64 ainka_ring_drops(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += local_read(&per_cpu_ptr(rings, cpu)->drops);
	return sum;
}
