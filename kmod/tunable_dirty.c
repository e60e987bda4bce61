// SPDX-License-Identifier: GPL-2.0
/*
 * How much may be dirty before writers wait. The limit is either a number of
 * bytes or a share of memory: writing one zeroes the other, and the one that
 * reads 0 is not always to be had back by writing 0. So both, and those of the
 * background writer, are one tunable. Its value is the limit in bytes, of which
 * the background writer gets half; 0 stands for shares.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>

#include "kfile.h"
#include "saved.h"
#include "tunable.h"

static const struct {
	const char *bytes;
	const char *ratio;
} pairs[] = {
	{ "dirty_bytes", "dirty_ratio" },
	{ "dirty_background_bytes", "dirty_background_ratio" },
};

static int vm_read(const char *name, char *text)
{
	char path[AINKA_KFILE_LEN];

	snprintf(path, sizeof(path), "sys/vm/%s", name);
	return ainka_proc_read(path, text, AINKA_KFILE_LEN);
}

static int vm_write(const char *name, const char *text)
{
	char path[AINKA_KFILE_LEN];

	snprintf(path, sizeof(path), "sys/vm/%s", name);
	return ainka_proc_write(path, text);
}

static int dirty_read(const struct ainka_tunable *tun, const struct ainka_target *target,
		      s64 *value)
{
	char text[AINKA_KFILE_LEN];
	int err = vm_read("dirty_bytes", text);

	return err ?: kstrtos64(strim(text), 10, value);
}

static int dirty_write(const struct ainka_tunable *tun, const struct ainka_target *target,
		       s64 value)
{
	char text[24];
	int err;

	/* the background's first: it must not be above the limit, not even for a moment */
	snprintf(text, sizeof(text), "%lld\n", value / 2);
	err = vm_write("dirty_background_bytes", text);
	snprintf(text, sizeof(text), "%lld\n", value);
	return err ?: vm_write("dirty_bytes", text);
}

static int dirty_save(const struct ainka_tunable *tun, const struct ainka_target *target,
		      char *text)
{
	char value[AINKA_KFILE_LEN];
	unsigned int i;
	int err = 0;

	text[0] = '\0';
	for (i = 0; !err && i < ARRAY_SIZE(pairs); i++) {
		err = vm_read(pairs[i].bytes, value) ?:
		      ainka_saved_put(text, pairs[i].bytes, value) ?:
		      vm_read(pairs[i].ratio, value) ?:
		      ainka_saved_put(text, pairs[i].ratio, value);
	}
	return err;
}

static int dirty_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			 const char *text)
{
	char bytes[AINKA_KFILE_LEN], ratio[AINKA_KFILE_LEN];
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(pairs); i++) {
		if (!ainka_saved_get(text, pairs[i].bytes, bytes, sizeof(bytes)) ||
		    !ainka_saved_get(text, pairs[i].ratio, ratio, sizeof(ratio)))
			return -EINVAL;
		if (strcmp(bytes, "0")) {
			err = vm_write(pairs[i].bytes, bytes);
			continue;
		}
		/* a share that does not change leaves the bytes: let it change */
		if (!strcmp(ratio, "0"))
			err = vm_write(pairs[i].ratio, "1");
		err = err ?: vm_write(pairs[i].ratio, ratio);
	}
	return err;
}

static const struct ainka_tunable_ops dirty_ops = {
	.read = dirty_read,
	.write = dirty_write,
	.save = dirty_save,
	.restore = dirty_restore,
};

/**
 * ainka_dirty_init() - register the limit of dirty memory
 *
 * Return: 0 or a negative errno.
 */
int ainka_dirty_init(void)
{
	struct ainka_tunable tun = {
		.name = "sysctl.vm.dirty_bytes",
		.unit = "bytes",
		.note = "with dirty_background_bytes, half of it; 0 while shares of memory rule",
		.bounds = { .min = 1 << 20, .max = 1LL << 36 },
		.kind = AINKA_KIND_SYSCTL,
		.subject = AINKA_SUBJECT_SYSTEM,
		.lane = AINKA_LANE_FAST,
		.ops = &dirty_ops,
	};

	return ainka_tunable_probe(&tun, AINKA_LACKS_SYSCTL);
}
