// SPDX-License-Identifier: GPL-2.0
/*
 * Read-ahead of a disk: the attribute of its queue, which files copy when they
 * are opened, and the copies that the open ones have.
 */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "disk.h"
#include "open_files.h"
#include "tunable_block.h"

#define ATTRIBUTE	"queue/read_ahead_kb"
#define KB_SHIFT	(PAGE_SHIFT - 10)

static int get_kb(const struct ainka_disk *disk, s64 *value)
{
	char text[AINKA_KFILE_LEN];

	return ainka_disk_get(disk, ATTRIBUTE, text) ?: kstrtos64(text, 10, value);
}

static int readahead_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			  s64 *value)
{
	struct ainka_disk disk;

	return ainka_disk_of(tun, target, &disk) ?: get_kb(&disk, value);
}

/* The disk first: a file that is opened meanwhile has the new value already. */
static int readahead_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			   s64 value)
{
	struct ainka_files met;
	struct ainka_disk disk;
	s64 before, after;
	char text[24];
	u64 begin_ns;
	int err;

	snprintf(text, sizeof(text), "%lld\n", value);
	err = ainka_disk_of(tun, target, &disk) ?:
	      get_kb(&disk, &before) ?:
	      ainka_disk_put(&disk, ATTRIBUTE, text);
	if (err)
		return err;
	/* It is written: not to be able to read it must not look as if it were not. */
	if (get_kb(&disk, &after))
		after = value;
	begin_ns = ktime_get_ns();
	ainka_files_readahead(disk.devt, before >> KB_SHIFT, after >> KB_SHIFT, &met);
	pr_debug("%s: read-ahead %lld to %lld KiB: %u of %u open files, %u tasks, %u skipped, %llu us\n",
		 disk.name, before, after, met.changed, met.files, met.tasks, met.skipped,
		 div_u64(ktime_get_ns() - begin_ns, NSEC_PER_USEC));
	return 0;
}

const struct ainka_tunable_ops ainka_readahead_ops = {
	.read = readahead_read,
	.write = readahead_write,
	.identity = ainka_disk_identity,
};
