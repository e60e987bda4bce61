// SPDX-License-Identifier: GPL-2.0
/*
 * Disks as subjects. A disk is one when the BPF programs have seen a request of
 * it, and no longer when it is removed or another one has its number. Its
 * signals are differences of two copies of its record, 0.5 to 1 s apart.
 *
 * All of this is the fast worker's.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ainka_core.h"
#include "ainka_events.h"
#include "devices.h"
#include "disk.h"
#include "maps.h"
#include "subjects.h"

#define HALF_NS		(500 * NSEC_PER_MSEC)
#define PAUSE_NS	(2 * NSEC_PER_SEC)	/* after a longer one it begins anew */
#define LOOK_NS		NSEC_PER_SEC		/* how often sysfs is asked whether it is there */

/**
 * struct known_disk - a disk
 * @now: copy of its record, of this walk
 * @mid: the copy that will be @old next
 * @old: what @now is compared with
 * @now_ns: time of @now
 * @mid_ns: time of @mid
 * @old_ns: time of @old
 * @looked_ns: when sysfs was asked last
 * @present: it is there
 */
struct known_disk {
	struct ainka_dev_rec now;
	struct ainka_dev_rec mid;
	struct ainka_dev_rec old;
	u64 now_ns;
	u64 mid_ns;
	u64 old_ns;
	u64 looked_ns;
	bool present;
};

static struct known_disk *devices[AINKA_DEVICES];
static u32 n_devices;

static void begin(struct known_disk *device)
{
	device->mid = device->now;
	device->old = device->now;
	device->mid_ns = device->now_ns;
	device->old_ns = device->now_ns;
}

static struct known_disk *find(u32 devt)
{
	struct known_disk *device;
	u32 i;

	for (i = 0; i < n_devices; i++)
		if (devices[i]->now.devt == devt)
			return devices[i];
	if (n_devices == AINKA_DEVICES)
		return NULL;
	device = kvzalloc(sizeof(*device), GFP_KERNEL);
	if (device)
		devices[n_devices++] = device;
	return device;
}

static void sample(u32 devt, u64 now_ns)
{
	struct known_disk *device = find(devt);
	u32 seq;

	if (!device)
		return;
	seq = device->now.seq;
	/* being set up just now: next time */
	if (!ainka_maps_device(devt, &device->now))
		return;
	if (device->now.seq != seq || now_ns - device->now_ns > PAUSE_NS) {
		device->now_ns = now_ns;
		device->looked_ns = 0;
		begin(device);
	}
	device->now_ns = now_ns;
	if (now_ns - device->mid_ns >= HALF_NS) {
		device->old = device->mid;
		device->old_ns = device->mid_ns;
		device->mid = device->now;
		device->mid_ns = now_ns;
	}
}

/* A disk that has gone leaves its record, until another one has its number. */
static void look(struct known_disk *device, u64 now_ns)
{
	struct ainka_disk disk;
	int err;

	if (now_ns - device->looked_ns < LOOK_NS)
		return;
	device->looked_ns = now_ns;
	err = ainka_disk_same(device->now.devt, device->now.diskseq, &disk);
	if (!err || err == -ENODEV)
		device->present = !err;
}

static void drop(u32 i)
{
	kvfree(devices[i]);
	devices[i] = devices[--n_devices];
}

/**
 * ainka_devices_sample() - bring the disks up to date
 * @now_ns: the present
 *
 * Context: the fast worker; may sleep.
 */
void ainka_devices_sample(u64 now_ns)
{
	static u32 numbers[AINKA_DEVS_MAX];
	u32 n = ainka_maps_devices(numbers, AINKA_DEVS_MAX), i;

	for (i = 0; i < n; i++)
		sample(numbers[i], now_ns);
	for (i = 0; i < n_devices; ) {
		struct known_disk *device = devices[i];

		look(device, now_ns);
		/* its record is gone, or it never came to be one */
		if (device->now_ns != now_ns)
			drop(i);
		else
			i++;
	}
}

/**
 * ainka_devices_at() - one of the disks
 * @index: from 0
 * @snap: gets its signals; its key is that of no subject if the disk has gone
 *
 * Context: the fast worker.
 *
 * Return: false behind the last one.
 */
bool ainka_devices_at(u32 index, struct ainka_snap *snap)
{
	const struct known_disk *device;

	if (index >= n_devices)
		return false;
	device = devices[index];
	snap->key.num = device->present ? device->now.devt : 0;
	snap->key.id = device->now.diskseq;
	ainka_dev_features(&device->now, &device->old, device->now_ns - device->old_ns,
			   snap->val, snap->fresh);
	return true;
}

/**
 * ainka_devices_bytes() - what is allocated for disks
 *
 * Return: bytes.
 */
u64 ainka_devices_bytes(void)
{
	return READ_ONCE(n_devices) * sizeof(struct known_disk);
}

/**
 * ainka_devices_exit() - free it
 */
void ainka_devices_exit(void)
{
	while (n_devices)
		kvfree(devices[--n_devices]);
}
