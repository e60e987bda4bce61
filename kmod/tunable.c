// SPDX-License-Identifier: GPL-2.0
/* The registry of tunables. It only grows, so an entry found stays valid. */
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "netns.h"
#include "tunable.h"

#define MAX_TUNABLES 1024

/* Written under lock; a reader that sees count sees the entries below it. */
static struct ainka_tunable *registry[MAX_TUNABLES];
static unsigned int count;

/* protects adding to the registry */
static DEFINE_MUTEX(registry_lock);

/**
 * ainka_tunable_at() - walk the registry
 * @index: position, from 0
 *
 * Return: the tunable, or NULL behind the last one.
 */
const struct ainka_tunable *ainka_tunable_at(unsigned int index)
{
	/* pairs with ainka_tunable_add() */
	return index < smp_load_acquire(&count) ? registry[index] : NULL;
}

static const struct ainka_tunable *lookup(const char *name)
{
	const struct ainka_tunable *tun;
	unsigned int i;

	for (i = 0; (tun = ainka_tunable_at(i)); i++)
		if (!strcmp(tun->name, name))
			return tun;
	return NULL;
}

/**
 * ainka_tunables_scan() - register what came after the module was loaded
 *
 * That is block devices and frequency policies. Network namespaces are looked
 * for by name only.
 */
void ainka_tunables_scan(void)
{
	ainka_block_scan();
	ainka_cpufreq_scan();
}

/**
 * ainka_tunable_find() - find a tunable by name
 * @name: its name
 *
 * What came after the module was loaded is looked for.
 *
 * Return: the tunable or NULL.
 */
const struct ainka_tunable *ainka_tunable_find(const char *name)
{
	const struct ainka_tunable *tun = lookup(name);

	if (tun)
		return tun;
	if (ainka_netns_tunable(name))
		ainka_tunables_scan();
	return lookup(name);
}

/**
 * ainka_tunable_add() - add a tunable to the registry
 * @tun: copied; its strings must live until ainka_tunables_exit()
 *
 * Return: 0, -EEXIST, -ENOSPC or -ENOMEM.
 */
int ainka_tunable_add(const struct ainka_tunable *tun)
{
	struct ainka_tunable *copy;
	int err = 0;

	mutex_lock(&registry_lock);
	if (lookup(tun->name)) {
		err = -EEXIST;
		goto out;
	}
	if (count == MAX_TUNABLES) {
		err = -ENOSPC;
		goto out;
	}
	copy = kmemdup(tun, sizeof(*tun), GFP_KERNEL);
	if (!copy) {
		err = -ENOMEM;
		goto out;
	}
	registry[count] = copy;
	/* who sees the count sees the entry */
	smp_store_release(&count, count + 1);
out:
	mutex_unlock(&registry_lock);
	return err;
}

/**
 * ainka_tunable_probe() - add a tunable of the system that a machine may lack
 * @tun: as for ainka_tunable_add(); marked as absent if it cannot be read
 * @lacks: what a machine lacks that cannot read it, in words
 *
 * Return: 0, -EEXIST, -ENOSPC or -ENOMEM.
 */
int ainka_tunable_probe(struct ainka_tunable *tun, const char *lacks)
{
	s64 value;

	if (tun->ops->read(tun, &ainka_target_system, &value))
		tun->absent = lacks;
	return ainka_tunable_add(tun);
}

/**
 * ainka_tunables_init() - fill the registry
 *
 * Return: 0 or a negative errno.
 */
int ainka_tunables_init(void)
{
	static int (*const init[])(void) = {
		ainka_sysctl_init,
		ainka_dirty_init,
		ainka_tcp_init,
		ainka_sysfs_init,
		ainka_thp_init,
		ainka_pmqos_init,
		ainka_cpufreq_init,
		ainka_task_init,
		ainka_affinity_init,
		ainka_ioprio_init,
		ainka_process_init,
		ainka_cgroup_init,
		ainka_block_init,
	};
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(init); i++)
		err = init[i]();
	if (err)
		ainka_tunables_exit();
	return err;
}

/**
 * ainka_tunables_exit() - free the registry; nothing may be held any more
 */
void ainka_tunables_exit(void)
{
	ainka_cpufreq_exit();
	ainka_pmqos_exit();
	while (count)
		kfree(registry[--count]);
	ainka_block_exit();
	ainka_netns_tunables_exit();
	ainka_netns_exit();
}
