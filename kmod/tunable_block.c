// SPDX-License-Identifier: GPL-2.0
/*
 * Tunables of block devices: read-ahead. The attribute sets the default of the
 * device, which a file copies when it is opened.
 */
#include <linux/errno.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kfile.h"
#include "tunable.h"

#define MAX_DEVICES 64
#define DEVICE_NAME_LEN 32

struct device_strings {
	char device[DEVICE_NAME_LEN];
	char name[DEVICE_NAME_LEN + 32];
};

/* protects devices and count, and serialises scans */
static DEFINE_MUTEX(scan_lock);
static struct device_strings *devices[MAX_DEVICES];
static unsigned int count;

static int attribute_path(const struct ainka_tunable *tun, const char *attribute,
			  char *path, size_t size)
{
	int n = snprintf(path, size, "/sys/block/%s/%s", tun->arg, attribute);

	return n < size ? 0 : -ENAMETOOLONG;
}

static int read_number(const struct ainka_tunable *tun, const char *attribute, s64 *value)
{
	char path[AINKA_KFILE_LEN], text[AINKA_KFILE_LEN];
	int err;

	err = attribute_path(tun, attribute, path, sizeof(path));
	if (!err)
		err = ainka_path_read(path, text, sizeof(text));
	if (err)
		return err;
	return kstrtos64(strim(text), 10, value);
}

static int read_ahead_read(const struct ainka_tunable *tun,
			   const struct ainka_target *target, s64 *value)
{
	return read_number(tun, "queue/read_ahead_kb", value);
}

static int read_ahead_write(const struct ainka_tunable *tun,
			    const struct ainka_target *target, s64 value)
{
	char path[AINKA_KFILE_LEN], text[24];
	int err;

	err = attribute_path(tun, "queue/read_ahead_kb", path, sizeof(path));
	if (err)
		return err;
	snprintf(text, sizeof(text), "%lld\n", value);
	return ainka_path_write(path, text);
}

/* A device that was unplugged and came back under its name has another number. */
static int block_identity(const struct ainka_tunable *tun, u64 *id)
{
	s64 value;
	int err = read_number(tun, "diskseq", &value);

	*id = value;
	return err;
}

static const struct ainka_tunable_ops read_ahead_ops = {
	.read = read_ahead_read,
	.write = read_ahead_write,
	.identity = block_identity,
};

static int add_device(const char *device, size_t len)
{
	struct device_strings *strings;
	struct ainka_tunable tun = {
		.unit = "KiB",
		.bounds = { .min = 0, .max = 16384 },
		.kind = AINKA_KIND_BLOCK,
		.subject = AINKA_SUBJECT_SYSTEM,
		.lane = AINKA_LANE_SLOW,
		.ops = &read_ahead_ops,
	};
	unsigned int i;
	int err;

	if (len >= DEVICE_NAME_LEN)
		return -ENAMETOOLONG;
	for (i = 0; i < count; i++)
		if (strlen(devices[i]->device) == len && !memcmp(devices[i]->device, device, len))
			return 0;
	if (count == MAX_DEVICES)
		return -ENOSPC;
	strings = kzalloc(sizeof(*strings), GFP_KERNEL);
	if (!strings)
		return -ENOMEM;
	memcpy(strings->device, device, len);
	snprintf(strings->name, sizeof(strings->name), "block.%s.read_ahead_kb", strings->device);
	tun.name = strings->name;
	tun.arg = strings->device;
	err = ainka_tunable_add(&tun);
	if (err)
		kfree(strings);
	else
		devices[count++] = strings;
	return err;
}

/* Names are collected first: the directory is locked while it is read. */
struct names {
	struct dir_context ctx;
	unsigned int n;
	char name[MAX_DEVICES][DEVICE_NAME_LEN];
};

static bool collect(struct dir_context *ctx, const char *name, int len, loff_t pos, u64 ino,
		    unsigned int type)
{
	struct names *names = container_of(ctx, struct names, ctx);

	if (name[0] == '.' || len >= DEVICE_NAME_LEN)
		return true;
	if (names->n == MAX_DEVICES)
		return false;
	memcpy(names->name[names->n], name, len);
	names->n++;
	return true;
}

/**
 * ainka_block_scan() - register the block devices that are not yet
 *
 * Return: 0 or a negative errno.
 */
int ainka_block_scan(void)
{
	struct names *names = kzalloc(sizeof(*names), GFP_KERNEL);
	struct file *dir;
	unsigned int i;
	int err;

	if (!names)
		return -ENOMEM;
	names->ctx.actor = collect;
	dir = filp_open("/sys/block", O_RDONLY | O_DIRECTORY, 0);
	if (IS_ERR(dir)) {
		err = PTR_ERR(dir);
		goto out;
	}
	err = iterate_dir(dir, &names->ctx);
	filp_close(dir, NULL);
	mutex_lock(&scan_lock);
	for (i = 0; !err && i < names->n; i++)
		err = add_device(names->name[i], strlen(names->name[i]));
	mutex_unlock(&scan_lock);
out:
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
	int err = ainka_block_scan();

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
