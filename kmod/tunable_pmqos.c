// SPDX-License-Identifier: GPL-2.0
/*
 * PM QoS: how long a CPU may take to wake up. Ours is one vote among several, of
 * which the kernel takes the smallest. So there is nothing to compare: nobody
 * else can change the vote, and getting back to the baseline is removing it.
 */
#include <linux/pm_qos.h>

#include "tunable.h"

/* Only the lane that writes it and ainka_pmqos_exit() touch it. */
static struct pm_qos_request vote;
static s32 voted = PM_QOS_CPU_LATENCY_DEFAULT_VALUE;

static int latency_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			s64 *value)
{
	*value = READ_ONCE(voted);
	return 0;
}

static int latency_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			 s64 value)
{
	if (value == PM_QOS_CPU_LATENCY_DEFAULT_VALUE)
		cpu_latency_qos_remove_request(&vote);
	else if (cpu_latency_qos_request_active(&vote))
		cpu_latency_qos_update_request(&vote, value);
	else
		cpu_latency_qos_add_request(&vote, value);
	WRITE_ONCE(voted, value);
	return 0;
}

static const struct ainka_tunable_ops latency_ops = {
	.read = latency_read,
	.write = latency_write,
};

/**
 * ainka_pmqos_init() - register the vote on CPU latency
 *
 * Return: 0 or a negative errno.
 */
int ainka_pmqos_init(void)
{
	struct ainka_tunable tun = {
		.name = "pm_qos.cpu_latency_us",
		.unit = "us",
		.note = "a vote: the smallest of all counts; none while it is 2000000000",
		.bounds = { .min = 0, .max = 1000000 },
		.kind = AINKA_KIND_PM_QOS,
		.subject = AINKA_SUBJECT_SYSTEM,
		.lane = AINKA_LANE_FAST,
		.ops = &latency_ops,
	};

	if (!IS_ENABLED(CONFIG_CPU_IDLE))
		tun.absent = "this kernel has no CPU idle states";
	return ainka_tunable_add(&tun);
}

/**
 * ainka_pmqos_exit() - take the vote back if it is still there
 */
void ainka_pmqos_exit(void)
{
	if (cpu_latency_qos_request_active(&vote))
		cpu_latency_qos_remove_request(&vote);
}
