// SPDX-License-Identifier: GPL-2.0
/* Ordered init and the reverse. The doors open last and close first. */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/delay.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "cgroup_stats.h"
#include "chardev.h"
#include "counted.h"
#include "engine.h"
#include "event.h"
#include "external.h"
#include "forecast.h"
#include "fork.h"
#include "journal.h"
#include "kfile.h"
#include "kfunc.h"
#include "lane.h"
#include "machine_state.h"
#include "netlink.h"
#include "params.h"
#include "proc.h"
#include "psi.h"
#include "ring.h"
#include "signals.h"
#include "status.h"
#include "subjects.h"
#include "table.h"
#include "tunable.h"

/* A fork that began before its parent was restored shows up within this time. */
#define FORK_GRACE_MS 50

static int __init ainka_init(void)
{
	int err;

	ainka_status_init();
	ainka_state_init();
	err = ainka_kfile_init();
	if (err)
		return err;
	err = ainka_tunables_init();
	if (err)
		goto err_kfile;
	err = ainka_ring_init();
	if (err)
		goto err_tunables;
	err = ainka_signals_init();
	if (err)
		goto err_ring;
	err = ainka_counted_init();
	if (err)
		goto err_signals;
	err = ainka_external_init();
	if (err)
		goto err_counted;
	err = ainka_subjects_init();
	if (err)
		goto err_external;
	err = ainka_table_init();
	if (err)
		goto err_subjects;
	err = ainka_lane_init();
	if (err)
		goto err_table;
	err = ainka_engine_init();
	if (err)
		goto err_journal;
	err = ainka_events_init();
	if (err)
		goto err_engine;
	ainka_kfunc_init();
	err = ainka_fork_init();
	if (err)
		goto err_events;
	err = ainka_psi_init();
	if (err)
		goto err_fork;
	err = ainka_chardev_init();
	if (err)
		goto err_psi;
	err = ainka_netlink_init();
	if (err)
		goto err_chardev;
	err = ainka_proc_init();
	if (err)
		goto err_netlink;
	pr_info("version %s loaded\n", AINKA_VERSION);
	return 0;

err_netlink:
	ainka_netlink_exit();
err_chardev:
	ainka_chardev_exit();
err_psi:
	ainka_psi_exit();
	/* a door that was open for a moment may have let something in */
	ainka_engine_drain();
err_fork:
	ainka_fork_exit();
	ainka_cgroup_stats_rest();
err_events:
	ainka_events_exit();
err_engine:
	ainka_engine_exit();
	ainka_events_free();
err_journal:
	ainka_lane_exit();
	ainka_journal_exit();
err_table:
	ainka_table_exit();
err_subjects:
	ainka_subjects_exit();
err_external:
	ainka_external_exit();
err_counted:
	ainka_counted_exit();
err_signals:
	ainka_signals_exit();
err_ring:
	ainka_ring_exit();
err_tunables:
	ainka_tunables_exit();
err_kfile:
	ainka_kfile_exit();
	return err;
}

static void __exit ainka_exit(void)
{
	ainka_proc_exit();
	ainka_forecast_exit();
	ainka_netlink_exit();
	ainka_chardev_exit();
	ainka_psi_exit();
	ainka_engine_drain();
	msleep(FORK_GRACE_MS);
	ainka_fork_exit();
	/* it wakes the engine */
	ainka_cgroup_stats_rest();
	/* once more, for the children that came in meanwhile */
	ainka_engine_drain();
	ainka_events_exit();
	ainka_engine_exit();
	ainka_events_free();
	ainka_lane_exit();
	ainka_journal_exit();
	ainka_table_exit();
	ainka_subjects_exit();
	ainka_external_exit();
	ainka_counted_exit();
	ainka_signals_exit();
	ainka_ring_exit();
	ainka_tunables_exit();
	ainka_kfile_exit();
	pr_info("unloaded\n");
}

module_init(ainka_init);
module_exit(ainka_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The AINKA authors");
MODULE_DESCRIPTION("Executes tuning policies in the kernel, explained, leased and undone");
MODULE_VERSION(AINKA_VERSION);
MODULE_ALIAS("ainka_core");
MODULE_ALIAS("ainka_enhanced");
