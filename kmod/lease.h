/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_LEASE_H
#define AINKA_LEASE_H

#include <linux/types.h>

struct file;
struct task_struct;

int ainka_lease_open(struct file *file);
void ainka_lease_release(struct file *file);
int ainka_lease_renew(u32 duration_ms, u32 *remaining_ms);
bool ainka_lease_holder_is(struct task_struct *task);
struct task_struct *ainka_lease_holder_get(void);
bool ainka_lease_held_by_current(void);
/* Time left at now_ns, 0 without a lease. */
u64 ainka_lease_left_ns(u64 now_ns);
/* true once, when a lease has run out */
bool ainka_lease_expired(u64 now_ns);

#endif
