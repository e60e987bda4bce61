// SPDX-License-Identifier: GPL-2.0
/*
 * Tunables of block devices: those of each device by its name, for policies of
 * the system, and those of the subject device.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kfile.h"
#include "tunable_block.h"

#define SCHEDULERS "none=0 mq-deadline=1 kyber=2 bfq=3"

static const struct ainka_tunable kinds[] = {
	{
		.name = "read_ahead_kb",
		.unit = "KiB",
		.note = "with the copies of the files that are open",
		.bounds = { .min = 0, .max = 16384 },
		.kind = AINKA_KIND_BLOCK,
		.lane = AINKA_LANE_SLOW,
		.ops = &ainka_readahead_ops,
	}, {
		.name = "scheduler",
		.unit = "choice",
		.note = "with nr_requests, wbt_lat_usec and the scheduler's own settings",
		.bounds = { .min = 0, .max = 3, .values = SCHEDULERS },
		.kind = AINKA_KIND_BLOCK,
		.lane = AINKA_LANE_SLOW,
		.ops = &ainka_scheduler_ops,
	},
};

struct device {
	char name[AINKA_FILE_NAME_LEN];
	char tunable[ARRAY_SIZE(kinds)][AINKA_TUNABLE_LEN];
};

static DEFINE_MUTEX(scan_lock);	/* protects devices and count, and serialises scans */
static struct device *devices[AINKA_NAMES_MAX];
static unsigned int count;

static bool known(const char *name)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(devices[i]->name, name))
			return true;
	return false;
}

static int add_device(const char *name)
{
	struct device *device;
	unsigned int i;
	int err = 0;

	if (known(name))
		return 0;
	if (count == ARRAY_SIZE(devices))
		return -ENOSPC;
	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	strscpy(device->name, name, sizeof(device->name));
	devices[count++] = device;
	for (i = 0; !err && i < ARRAY_SIZE(kinds); i++) {
		struct ainka_tunable tun = kinds[i];

		snprintf(device->tunable[i], sizeof(device->tunable[i]), "block.%s.%s",
			 device->name, tun.name);
		tun.name = device->tunable[i];
		tun.arg = device->name;
		tun.subject = AINKA_SUBJECT_SYSTEM;
		if (tun.ops == &ainka_scheduler_ops)
			tun.absent = ainka_scheduler_absent(device->name);
		err = ainka_tunable_add(&tun);
	}
	return err;
}

/**
 * ainka_block_scan() - register the block devices that are not yet
 *
 * Return: 0 or a negative errno.
 */
int ainka_block_scan(void)
{
	struct ainka_names *names = kmalloc(sizeof(*names), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!names)
		return -ENOMEM;
	err = ainka_sys_list("block", names);
	mutex_lock(&scan_lock);
	for (i = 0; !err && i < names->n; i++)
		err = add_device(names->name[i]);
	mutex_unlock(&scan_lock);
	kfree(names);
	return err;
}

/**
 * ainka_block_init() - register the tunables of the block devices there are
 *
 * Return: 0 or a negative errno. A machine without /sys/block has none.
 */
int ainka_block_init(void)
{
	static const char *const names[] = { "dev.read_ahead_kb", "dev.scheduler" };
	unsigned int i;
	int err;

	BUILD_BUG_ON(ARRAY_SIZE(names) != ARRAY_SIZE(kinds));
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct ainka_tunable tun = kinds[i];

		tun.name = names[i];
		tun.subject = AINKA_SUBJECT_DEVICE;
		err = ainka_tunable_add(&tun);
		if (err)
			return err;
	}
	err = ainka_block_scan();
	return err == -ENOENT || err == -ENOSPC ? 0 : err;
}

/**
 * ainka_block_exit() - free the names, after the registry has let go of them
 */
void ainka_block_exit(void)
{
	while (count)
		kfree(devices[--count]);
}
