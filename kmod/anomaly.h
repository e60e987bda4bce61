/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_ANOMALY_H
#define AINKA_ANOMALY_H

#include <linux/types.h>

struct ainka_anomaly;

void ainka_anomaly_sample(u64 now_ns);
int ainka_anomaly(const char *signal, struct ainka_anomaly *anomaly);
u64 ainka_anomaly_bytes(void);

#endif
