// SPDX-License-Identifier: GPL-2.0
/*
 * Tunables that are sysctls holding one integer. The list is closed: a sysctl
 * that is not here, or whose write has effects that writing the old text does
 * not undo (dirty_bytes zeroes dirty_ratio), cannot be set by a policy.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>

#include "kfile.h"
#include "tunable.h"

static int sysctl_read(const struct ainka_tunable *tun,
		       const struct ainka_target *target, s64 *value)
{
	char text[AINKA_KFILE_LEN];
	int err;

	err = ainka_proc_read(tun->arg, text, sizeof(text));
	if (err)
		return err;
	return kstrtos64(strim(text), 10, value);
}

static int sysctl_write(const struct ainka_tunable *tun,
			const struct ainka_target *target, s64 value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld\n", value);
	return ainka_proc_write(tun->arg, text);
}

static const struct ainka_tunable_ops sysctl_ops = {
	.read = sysctl_read,
	.write = sysctl_write,
};

#define SYSCTL(dotted, path, unit_name, lowest, highest, step_limit) {	\
	.name = "sysctl." dotted,					\
	.arg = "sys/" path,						\
	.unit = unit_name,						\
	.bounds = { .min = lowest, .max = highest, .step = step_limit },	\
	.kind = AINKA_KIND_SYSCTL,					\
	.subject = AINKA_SUBJECT_SYSTEM,				\
	.lane = AINKA_LANE_FAST,					\
	.ops = &sysctl_ops,						\
}

static const struct ainka_tunable sysctls[] = {
	SYSCTL("vm.swappiness", "vm/swappiness", "weight", 0, 200, 0),
	SYSCTL("vm.vfs_cache_pressure", "vm/vfs_cache_pressure", "percent", 1, 1000, 0),
	SYSCTL("vm.page-cluster", "vm/page-cluster", "log2_pages", 0, 6, 0),
	SYSCTL("vm.dirty_expire_centisecs", "vm/dirty_expire_centisecs", "cs", 100, 360000, 0),
	SYSCTL("vm.dirty_writeback_centisecs", "vm/dirty_writeback_centisecs", "cs",
	       10, 60000, 0),
	SYSCTL("vm.watermark_scale_factor", "vm/watermark_scale_factor", "permyriad",
	       1, 1000, 200),
	SYSCTL("vm.compaction_proactiveness", "vm/compaction_proactiveness", "percent",
	       0, 100, 0),
	SYSCTL("kernel.sched_autogroup_enabled", "kernel/sched_autogroup_enabled", "flag",
	       0, 1, 0),
	SYSCTL("net.core.somaxconn", "net/core/somaxconn", "connections", 128, 65535, 0),
	SYSCTL("net.core.netdev_max_backlog", "net/core/netdev_max_backlog", "packets",
	       100, 100000, 0),
	SYSCTL("net.core.netdev_budget", "net/core/netdev_budget", "packets", 50, 10000, 0),
	SYSCTL("net.ipv4.tcp_max_syn_backlog", "net/ipv4/tcp_max_syn_backlog", "connections",
	       64, 1048576, 0),
};

/**
 * ainka_sysctl_init() - register the sysctls, those that are missing as absent
 *
 * Return: 0 or a negative errno.
 */
int ainka_sysctl_init(void)
{
	unsigned int i;
	s64 value;
	int err;

	for (i = 0; i < ARRAY_SIZE(sysctls); i++) {
		struct ainka_tunable tun = sysctls[i];

		if (sysctl_read(&tun, &ainka_target_system, &value))
			tun.absent = "this kernel has no such sysctl";
		err = ainka_tunable_add(&tun);
		if (err)
			return err;
	}
	return 0;
}
