// SPDX-License-Identifier: GPL-2.0
/*
 * Children of changed tasks. A child copies nice and policy from its parent, so
 * it is changed too, and must find its way back to the parent's baseline.
 */
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "fork.h"
#include "fork_rate.h"
#include "journal.h"

static struct tracepoint *fork_tp;

static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	ainka_journal_inherit(parent, child);
	ainka_fork_count(parent);
}

/* The tracepoint's own symbol is not exported to modules. */
static void find_fork(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "sched_process_fork"))
		fork_tp = tp;
}

/**
 * ainka_fork_init() - watch forks
 *
 * Return: 0 or a negative errno; -ENOENT if the kernel has no such tracepoint.
 */
int ainka_fork_init(void)
{
	for_each_kernel_tracepoint(find_fork, NULL);
	if (!fork_tp)
		return -ENOENT;
	return tracepoint_probe_register(fork_tp, on_fork, NULL);
}

/**
 * ainka_fork_exit() - stop watching, and wait for probes that are running
 */
void ainka_fork_exit(void)
{
	tracepoint_probe_unregister(fork_tp, on_fork, NULL);
	tracepoint_synchronize_unregister();
}
