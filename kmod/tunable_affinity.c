// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUs a task may run on. A policy narrows them: it chooses among the CPUs
 * that the task had before us, so neither a cpuset nor an affinity that somebody
 * has set is widened. The kernel's own setter is used, which leaves the mask that
 * user space has asked for (user_cpus_ptr) as it is.
 */
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "tunable.h"

/* Bits of a value that are CPUs; the sign says that there are others beyond. */
#define VALUE_CPUS 63

static int affinity_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			 s64 *value)
{
	const struct cpumask *mask = &target->task->cpus_mask;
	unsigned int cpu;

	*value = 0;
	for_each_cpu(cpu, mask) {
		if (cpu >= VALUE_CPUS) {
			*value |= S64_MIN;
			break;
		}
		*value |= 1LL << cpu;
	}
	return 0;
}

static int affinity_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			  s64 value)
{
	cpumask_var_t mask;
	unsigned int cpu;
	int err;

	if (target->task->flags & PF_NO_SETAFFINITY)
		return -EPERM;
	/* none of the CPUs the policy names was the task's */
	if (value <= 0)
		return -EINVAL;
	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	for (cpu = 0; cpu < min_t(unsigned int, VALUE_CPUS, nr_cpu_ids); cpu++)
		if (value & 1LL << cpu)
			cpumask_set_cpu(cpu, mask);
	err = set_cpus_allowed_ptr(target->task, mask);
	free_cpumask_var(mask);
	return err;
}

static int affinity_save(const struct ainka_tunable *tun, const struct ainka_target *target,
			 char *text)
{
	int n = snprintf(text, AINKA_SAVED_LEN, "%*pb",
			 cpumask_pr_args(&target->task->cpus_mask));

	return n < AINKA_SAVED_LEN ? 0 : -E2BIG;
}

static int affinity_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			    const char *text)
{
	cpumask_var_t mask;
	int err;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	err = bitmap_parse(text, strlen(text), cpumask_bits(mask), nr_cpu_ids);
	if (!err)
		err = set_cpus_allowed_ptr(target->task, mask);
	free_cpumask_var(mask);
	return err;
}

/* Among the CPUs it had; none of them, which is refused, is 0. */
static s64 affinity_limit(const struct ainka_tunable *tun, const struct ainka_target *target,
			  s64 baseline, s64 present, s64 value)
{
	return value & baseline & S64_MAX;
}

static const struct ainka_tunable_ops affinity_ops = {
	.read = affinity_read,
	.write = affinity_write,
	.save = affinity_save,
	.restore = affinity_restore,
	.limit = affinity_limit,
};

/**
 * ainka_affinity_init() - register task.affinity
 *
 * Return: 0 or a negative errno.
 */
int ainka_affinity_init(void)
{
	const struct ainka_tunable tun = {
		.name = "task.affinity",
		.unit = "cpumask",
		.bounds = {
			.min = 1,
			.max = nr_cpu_ids < VALUE_CPUS ? (1LL << nr_cpu_ids) - 1 : S64_MAX,
		},
		.kind = AINKA_KIND_TASK,
		.subject = AINKA_SUBJECT_TASK,
		.lane = AINKA_LANE_FAST,
		.ops = &affinity_ops,
	};

	return ainka_tunable_add(&tun);
}
