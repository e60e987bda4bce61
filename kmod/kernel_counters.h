/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_KERNEL_COUNTERS_H
#define AINKA_KERNEL_COUNTERS_H

#include <linux/types.h>

u64 ainka_kernel_counters(u64 *counter);

#endif
