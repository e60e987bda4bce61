// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/ainka. Whoever has it open for writing consumes the ring and holds the
 * lease, so there is one at a time; anybody else may only look.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "chardev.h"
#include "lease.h"
#include "ring.h"

static int chardev_open(struct inode *inode, struct file *file)
{
	if (file->f_mode & FMODE_WRITE)
		return ainka_lease_open(file);
	return 0;
}

static int chardev_release(struct inode *inode, struct file *file)
{
	if (file->f_mode & FMODE_WRITE)
		ainka_lease_release(file);
	return 0;
}

static const struct file_operations chardev_fops = {
	.owner = THIS_MODULE,
	.open = chardev_open,
	.release = chardev_release,
	.mmap = ainka_ring_mmap,
	.poll = ainka_ring_poll,
	.llseek = noop_llseek,
};

static struct miscdevice chardev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ainka",
	.fops = &chardev_fops,
	/* a udev rule gives it to the group ainka */
	.mode = 0660,
};

/**
 * ainka_chardev_init() - make the device
 *
 * Return: 0 or a negative errno.
 */
int ainka_chardev_init(void)
{
	return misc_register(&chardev);
}

/**
 * ainka_chardev_exit() - remove the device
 */
void ainka_chardev_exit(void)
{
	misc_deregister(&chardev);
}
