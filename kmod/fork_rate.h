/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_FORK_RATE_H
#define AINKA_FORK_RATE_H

#include <linux/types.h>

struct task_struct;

void ainka_fork_count(struct task_struct *parent);
u32 ainka_fork_rate(u64 now_ns);

#endif
