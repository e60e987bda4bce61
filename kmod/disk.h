/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_DISK_H
#define AINKA_DISK_H

#include <linux/types.h>

#include "kfile.h"

struct ainka_target;
struct ainka_tunable;

/* Longest path below the root of sysfs to the folder of a disk, with its NUL. */
#define AINKA_DISK_PATH_LEN 64

/**
 * struct ainka_disk - a whole disk
 * @devt: its device number, major and minor as in dev_t
 * @seq: its disk sequence number, which is not used again
 * @name: as in /sys/block
 */
struct ainka_disk {
	u32 devt;
	u64 seq;
	char name[AINKA_FILE_NAME_LEN];
};

int ainka_disk_same(u32 devt, u64 seq, struct ainka_disk *disk);
int ainka_disk_of(const struct ainka_tunable *tun, const struct ainka_target *target,
		  struct ainka_disk *disk);
int ainka_disk_identity(const struct ainka_tunable *tun, const struct ainka_target *target,
			u64 *id);
int ainka_disk_get(const struct ainka_disk *disk, const char *attribute, char *text);
int ainka_disk_put(const struct ainka_disk *disk, const char *attribute, const char *text);

#endif
