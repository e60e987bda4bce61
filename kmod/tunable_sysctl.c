// SPDX-License-Identifier: GPL-2.0
/*
 * Tunables that are sysctls holding one integer. The list is closed: a sysctl
 * that is not here, or whose write has effects that writing the old text does
 * not undo (min_free_kbytes is not computed any more once it was written),
 * cannot be set by a policy.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>

#include "kfile.h"
#include "netns.h"
#include "tunable.h"

/**
 * ainka_sysctl_text() - what a sysctl reads
 * @tun: a tunable whose @arg is the path below the root of proc
 * @buf: gets the text, NUL-terminated
 * @size: size of @buf; longer text is cut
 *
 * Return: 0 or a negative errno.
 */
int ainka_sysctl_text(const struct ainka_tunable *tun, char *buf, size_t size)
{
	if (tun->per_netns)
		return ainka_netns_read(tun->id, tun->arg, buf, size);
	return ainka_proc_read(tun->arg, buf, size);
}

/**
 * ainka_sysctl_put() - write a sysctl
 * @tun: a tunable whose @arg is the path below the root of proc
 * @text: what to write
 *
 * Return: 0 or a negative errno.
 */
int ainka_sysctl_put(const struct ainka_tunable *tun, const char *text)
{
	if (tun->per_netns)
		return ainka_netns_write(tun->id, tun->arg, text);
	return ainka_proc_write(tun->arg, text);
}

/**
 * ainka_sysctl_identity() - the network namespace that a sysctl belongs to
 * @tun: the tunable
 * @target: the system
 * @id: gets a number that is not used again; 0 if it belongs to none
 *
 * Return: 0, or -ENOENT if the namespace is gone.
 */
int ainka_sysctl_identity(const struct ainka_tunable *tun, const struct ainka_target *target,
			  u64 *id)
{
	*id = 0;
	return tun->id == AINKA_NETNS_INITIAL ? 0 : ainka_netns_cookie(tun->id, id);
}

static int sysctl_read(const struct ainka_tunable *tun,
		       const struct ainka_target *target, s64 *value)
{
	char text[AINKA_KFILE_LEN];
	int err;

	err = ainka_sysctl_text(tun, text, sizeof(text));
	if (err)
		return err;
	return kstrtos64(strim(text), 10, value);
}

static int sysctl_write(const struct ainka_tunable *tun,
			const struct ainka_target *target, s64 value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld\n", value);
	return ainka_sysctl_put(tun, text);
}

static const struct ainka_tunable_ops sysctl_ops = {
	.read = sysctl_read,
	.write = sysctl_write,
	.identity = ainka_sysctl_identity,
};

#define SYSCTL_OF(which_lane, netns, dotted, path, unit_name, lowest, highest, step_limit) { \
	.name = "sysctl." dotted,					\
	.arg = "sys/" path,						\
	.unit = unit_name,						\
	.bounds = { .min = lowest, .max = highest, .step = step_limit },	\
	.kind = AINKA_KIND_SYSCTL,					\
	.subject = AINKA_SUBJECT_SYSTEM,				\
	.lane = which_lane,						\
	.ops = &sysctl_ops,						\
	.per_netns = netns,						\
}

#define SYSCTL(...)	SYSCTL_OF(AINKA_LANE_FAST, false, __VA_ARGS__)
/* patches the kernel's code */
#define SLOW(...)	SYSCTL_OF(AINKA_LANE_SLOW, false, __VA_ARGS__)
#define NET(...)	SYSCTL_OF(AINKA_LANE_FAST, true, __VA_ARGS__)

static const struct ainka_tunable sysctls[] = {
	SYSCTL("vm.swappiness", "vm/swappiness", "weight", 0, 200, 0),
	SYSCTL("vm.vfs_cache_pressure", "vm/vfs_cache_pressure", "percent", 1, 1000, 0),
	SYSCTL("vm.page-cluster", "vm/page-cluster", "log2_pages", 0, 6, 0),
	SYSCTL("vm.dirty_expire_centisecs", "vm/dirty_expire_centisecs", "cs", 100, 360000, 0),
	SYSCTL("vm.dirty_writeback_centisecs", "vm/dirty_writeback_centisecs", "cs",
	       10, 60000, 0),
	SYSCTL("vm.dirtytime_expire_seconds", "vm/dirtytime_expire_seconds", "s", 60, 864000, 0),
	SYSCTL("vm.watermark_scale_factor", "vm/watermark_scale_factor", "permyriad",
	       1, 1000, 200),
	SYSCTL("vm.watermark_boost_factor", "vm/watermark_boost_factor", "permyriad",
	       0, 30000, 0),
	SYSCTL("vm.compaction_proactiveness", "vm/compaction_proactiveness", "percent",
	       0, 100, 0),
	SYSCTL("vm.extfrag_threshold", "vm/extfrag_threshold", "permille", 0, 1000, 0),
	SYSCTL("vm.compact_unevictable_allowed", "vm/compact_unevictable_allowed", "flag",
	       0, 1, 0),
	SYSCTL("vm.page_lock_unfairness", "vm/page_lock_unfairness", "count", 0, 100, 0),
	SYSCTL("vm.stat_interval", "vm/stat_interval", "s", 1, 60, 0),
	SYSCTL("vm.zone_reclaim_mode", "vm/zone_reclaim_mode", "mask", 0, 7, 0),
	SYSCTL("kernel.sched_autogroup_enabled", "kernel/sched_autogroup_enabled", "flag",
	       0, 1, 0),
	SYSCTL("kernel.sched_cfs_bandwidth_slice_us", "kernel/sched_cfs_bandwidth_slice_us",
	       "us", 1000, 100000, 0),
	SYSCTL("kernel.sched_child_runs_first", "kernel/sched_child_runs_first", "flag",
	       0, 1, 0),
	SLOW("kernel.numa_balancing", "kernel/numa_balancing", "flag", 0, 1, 0),
	SLOW("kernel.timer_migration", "kernel/timer_migration", "flag", 0, 1, 0),
	NET("net.core.somaxconn", "net/core/somaxconn", "connections", 128, 65535, 0),
	SYSCTL("net.core.netdev_max_backlog", "net/core/netdev_max_backlog", "packets",
	       100, 100000, 0),
	SYSCTL("net.core.netdev_budget", "net/core/netdev_budget", "packets", 50, 10000, 0),
	SYSCTL("net.core.netdev_budget_usecs", "net/core/netdev_budget_usecs", "us",
	       500, 100000, 0),
	SYSCTL("net.core.dev_weight", "net/core/dev_weight", "packets", 16, 1024, 0),
	SYSCTL("net.core.gro_normal_batch", "net/core/gro_normal_batch", "packets", 1, 128, 0),
	SYSCTL("net.core.busy_poll", "net/core/busy_poll", "us", 0, 1000, 0),
	SYSCTL("net.core.busy_read", "net/core/busy_read", "us", 0, 1000, 0),
	SYSCTL("net.core.rmem_default", "net/core/rmem_default", "bytes", 4096, 67108864, 0),
	SYSCTL("net.core.rmem_max", "net/core/rmem_max", "bytes", 65536, 1073741824, 0),
	SYSCTL("net.core.wmem_default", "net/core/wmem_default", "bytes", 4608, 67108864, 0),
	SYSCTL("net.core.wmem_max", "net/core/wmem_max", "bytes", 65536, 1073741824, 0),
	NET("net.ipv4.tcp_max_syn_backlog", "net/ipv4/tcp_max_syn_backlog", "connections",
	    64, 1048576, 0),
	NET("net.ipv4.tcp_autocorking", "net/ipv4/tcp_autocorking", "flag", 0, 1, 0),
	NET("net.ipv4.tcp_ecn", "net/ipv4/tcp_ecn", "mode", 0, 2, 0),
	NET("net.ipv4.tcp_fin_timeout", "net/ipv4/tcp_fin_timeout", "s", 5, 600, 0),
	NET("net.ipv4.tcp_keepalive_intvl", "net/ipv4/tcp_keepalive_intvl", "s", 1, 3600, 0),
	NET("net.ipv4.tcp_keepalive_probes", "net/ipv4/tcp_keepalive_probes", "count", 1, 100, 0),
	NET("net.ipv4.tcp_keepalive_time", "net/ipv4/tcp_keepalive_time", "s", 10, 86400, 0),
	NET("net.ipv4.tcp_limit_output_bytes", "net/ipv4/tcp_limit_output_bytes", "bytes",
	    16384, 16777216, 0),
	NET("net.ipv4.tcp_max_tw_buckets", "net/ipv4/tcp_max_tw_buckets", "connections",
	    1024, 1048576, 0),
	NET("net.ipv4.tcp_min_tso_segs", "net/ipv4/tcp_min_tso_segs", "segments", 1, 64, 0),
	NET("net.ipv4.tcp_moderate_rcvbuf", "net/ipv4/tcp_moderate_rcvbuf", "flag", 0, 1, 0),
	NET("net.ipv4.tcp_mtu_probing", "net/ipv4/tcp_mtu_probing", "mode", 0, 2, 0),
	NET("net.ipv4.tcp_no_metrics_save", "net/ipv4/tcp_no_metrics_save", "flag", 0, 1, 0),
	NET("net.ipv4.tcp_notsent_lowat", "net/ipv4/tcp_notsent_lowat", "bytes",
	    4096, 4294967295, 0),
	NET("net.ipv4.tcp_pacing_ca_ratio", "net/ipv4/tcp_pacing_ca_ratio", "percent",
	    50, 1000, 0),
	NET("net.ipv4.tcp_pacing_ss_ratio", "net/ipv4/tcp_pacing_ss_ratio", "percent",
	    50, 1000, 0),
	NET("net.ipv4.tcp_reordering", "net/ipv4/tcp_reordering", "segments", 3, 300, 0),
	NET("net.ipv4.tcp_slow_start_after_idle", "net/ipv4/tcp_slow_start_after_idle", "flag",
	    0, 1, 0),
	NET("net.ipv4.tcp_synack_retries", "net/ipv4/tcp_synack_retries", "count", 1, 10, 0),
	NET("net.ipv4.tcp_thin_linear_timeouts", "net/ipv4/tcp_thin_linear_timeouts", "flag",
	    0, 1, 0),
	NET("net.ipv4.tcp_tw_reuse", "net/ipv4/tcp_tw_reuse", "mode", 0, 2, 0),
};

/**
 * ainka_sysctl_init() - register the sysctls, those that are missing as absent
 *
 * Return: 0 or a negative errno.
 */
int ainka_sysctl_init(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(sysctls); i++) {
		struct ainka_tunable tun = sysctls[i];

		if (tun.per_netns)
			tun.note = AINKA_NOTE_NETNS;
		err = ainka_tunable_probe(&tun, AINKA_LACKS_SYSCTL);
	}
	return err;
}
