// SPDX-License-Identifier: GPL-2.0
/*
 * Disks as sysfs shows them. No reference is held and no device is opened: a
 * disk is its number and its sequence number, and is looked up each time. Only
 * whole disks have queues; partitions are none.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kdev_t.h>
#include <linux/kstrtox.h>
#include <linux/string.h>

#include "disk.h"
#include "saved.h"
#include "tunable.h"

/* What the uevent of a disk says; NAME=VALUE lines, as in a saved text. */
static int parse(const char *uevent, struct ainka_disk *disk)
{
	char value[AINKA_FILE_NAME_LEN];
	u32 major, minor;

	if (!ainka_saved_get(uevent, "DEVTYPE", value, sizeof(value)) || strcmp(value, "disk"))
		return -ENODEV;
	if (!ainka_saved_get(uevent, "MAJOR", value, sizeof(value)) ||
	    kstrtou32(value, 10, &major) ||
	    !ainka_saved_get(uevent, "MINOR", value, sizeof(value)) ||
	    kstrtou32(value, 10, &minor) ||
	    !ainka_saved_get(uevent, "DEVNAME", disk->name, sizeof(disk->name)))
		return -ENODEV;
	disk->devt = MKDEV(major, minor);
	/* since 5.15; before, a disk is only its number */
	if (!ainka_saved_get(uevent, "DISKSEQ", value, sizeof(value)) ||
	    kstrtou64(value, 10, &disk->seq))
		disk->seq = 0;
	/* sysfs has an exclamation mark where the device's name has a slash */
	strreplace(disk->name, '/', '!');
	return 0;
}

static int look(const char *folder, struct ainka_disk *disk)
{
	char path[AINKA_DISK_PATH_LEN], text[256];
	int err;

	if (snprintf(path, sizeof(path), "%s/uevent", folder) >= sizeof(path))
		return -ENAMETOOLONG;
	err = ainka_sys_read(path, text, sizeof(text));
	/* any other error says that it cannot be told now: memory was short */
	if (err == -ENOENT)
		return -ENODEV;
	return err ?: parse(text, disk);
}

/**
 * ainka_disk_same() - look a disk up that was there before
 * @devt: its device number
 * @seq: its disk sequence number
 * @disk: gets what it is
 *
 * Return: 0, -ENODEV if it is gone or another one has its number, or another
 * negative errno if that cannot be told now.
 */
int ainka_disk_same(u32 devt, u64 seq, struct ainka_disk *disk)
{
	char folder[AINKA_DISK_PATH_LEN];
	int err;

	snprintf(folder, sizeof(folder), "dev/block/%u:%u", MAJOR(devt), MINOR(devt));
	err = look(folder, disk);
	if (!err && disk->seq != seq)
		err = -ENODEV;
	return err;
}

/**
 * ainka_disk_of() - the disk that a tunable is set on
 * @tun: the tunable; that of the system has the disk's name in @arg
 * @target: the disk, or the system
 * @disk: gets what it is
 *
 * Return: 0, -ENODEV if it is gone or another one has its number, or another
 * negative errno if that cannot be told now.
 */
int ainka_disk_of(const struct ainka_tunable *tun, const struct ainka_target *target,
		  struct ainka_disk *disk)
{
	char folder[AINKA_DISK_PATH_LEN];

	if (target->subject == AINKA_SUBJECT_DEVICE)
		return ainka_disk_same(target->key.num, target->key.id, disk);
	snprintf(folder, sizeof(folder), "block/%s", tun->arg);
	return look(folder, disk);
}

/**
 * ainka_disk_identity() - the sequence number of the disk that a tunable is set on
 * @tun: the tunable
 * @target: the disk, or the system
 * @id: gets the number
 *
 * Return: as ainka_disk_of().
 */
int ainka_disk_identity(const struct ainka_tunable *tun, const struct ainka_target *target,
			u64 *id)
{
	struct ainka_disk disk;
	int err = ainka_disk_of(tun, target, &disk);

	if (!err)
		*id = disk.seq;
	return err;
}

/**
 * ainka_disk_get() - read an attribute of a disk
 * @disk: the disk
 * @attribute: its path below the folder of the disk
 * @text: gets at most AINKA_KFILE_LEN bytes, NUL-terminated, without blanks at the end
 *
 * Return: 0 or a negative errno.
 */
int ainka_disk_get(const struct ainka_disk *disk, const char *attribute, char *text)
{
	char path[AINKA_KFILE_LEN];
	int err;

	snprintf(path, sizeof(path), "block/%s/%s", disk->name, attribute);
	err = ainka_sys_read(path, text, AINKA_KFILE_LEN);
	if (!err)
		strim(text);
	return err;
}

/**
 * ainka_disk_put() - write an attribute of a disk
 * @disk: the disk
 * @attribute: its path below the folder of the disk
 * @text: what to write
 *
 * Return: 0 or a negative errno.
 */
int ainka_disk_put(const struct ainka_disk *disk, const char *attribute, const char *text)
{
	char path[AINKA_KFILE_LEN];

	snprintf(path, sizeof(path), "block/%s/%s", disk->name, attribute);
	return ainka_sys_write(path, text);
}
