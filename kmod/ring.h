/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_RING_H
#define AINKA_RING_H

#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/types.h>

#include "ainka_core.h"

int ainka_ring_init(void);
void ainka_ring_exit(void);
bool ainka_ring_write(const void *rec);
int ainka_ring_mmap(struct file *file, struct vm_area_struct *vma);
__poll_t ainka_ring_poll(struct file *file, poll_table *wait);
u64 ainka_ring_drops(void);

#endif
