// SPDX-License-Identifier: GPL-2.0
/*
 * The function that BPF programs of type tracing call to post an event. Any
 * program that somebody with CAP_BPF loads may do so, as fast as it can: it is
 * a door, and takes nothing but numbers. A loaded program that calls it holds
 * this module.
 */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/stringify.h>

#include "event.h"
#include "kfunc.h"

/* 6f3189f38a3e ("bpf: treewide: Annotate BPF kfuncs in BTF") */
#ifndef BTF_KFUNCS_START
#define BTF_KFUNCS_START BTF_SET8_START
#define BTF_KFUNCS_END BTF_SET8_END
#endif
/* btf/embed reads the prototype in .modinfo. */
#define PROTOTYPE int bpf_ainka_event(u32 signal, u32 pid, u64 start_ns, s64 value)
MODULE_INFO(kfunc, __stringify(PROTOTYPE));
PROTOTYPE;

/*
 * bpf_ainka_event() - signal S of subject Y has value V now
 * @signal: id of a signal of signals.yaml that is marked as an event, or of an
 *	external one that no kernel module reports
 * @pid: the task it is about, in the initial namespace; 0 for a signal of the system
 * @start_ns: task_struct.start_time of that task, or 0 for whoever has the pid
 * @value: the value
 *
 * Context: any; from NMI it is refused.
 *
 * Return: 0; -EBUSY from NMI or from within another post, -EINVAL for a signal
 * that cannot be posted, -EAGAIN above the rate, -ENOSPC when the queue is full.
 */
__used noinline PROTOTYPE
{
	int err = -EINVAL;

	/* the program may be one that sleeps */
	rcu_read_lock();
	if (signal <= U16_MAX)
		err = ainka_event_post(AINKA_FROM_BPF, signal, pid, start_ns, value);
	rcu_read_unlock();
	return err;
}

BTF_KFUNCS_START(kfunc_ids)
BTF_ID_FLAGS(func, bpf_ainka_event)
BTF_KFUNCS_END(kfunc_ids)

static const struct btf_kfunc_id_set kfuncs = { .owner = THIS_MODULE, .set = &kfunc_ids };
static const char *absent;

/* Registering succeeds without it; what the kernel took shows in /sys/kernel/btf. */
static bool has_btf(void)
{
	struct kernfs_node *folder = kernfs_find_and_get(kernel_kobj->sd, "btf"), *file = NULL;

	if (folder)
		file = kernfs_find_and_get(folder, THIS_MODULE->name);
	kernfs_put(file);
	kernfs_put(folder);
	return file;
}

/**
 * ainka_kfunc_init() - offer the function to BPF programs, where that is possible
 *
 * Without it the module works, and so do the events of its own probes.
 */
void ainka_kfunc_init(void)
{
	if (!IS_ENABLED(CONFIG_DEBUG_INFO_BTF_MODULES))
		absent = "the kernel has no BTF of modules (CONFIG_DEBUG_INFO_BTF_MODULES)";
	else if (!has_btf())
		absent = "the module has no BTF that fits this kernel; its build log says why";
	else if (register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &kfuncs))
		absent = "the kernel refused to register them";
	if (absent)
		pr_info("no functions for BPF programs: %s\n", absent);
}

/**
 * ainka_kfunc_absent() - why BPF programs cannot post events
 *
 * Return: the reason in words, or NULL: they can.
 */
const char *ainka_kfunc_absent(void)
{
	return absent;
}
