// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes that are files: private mounts of proc and sysfs, so that neither
 * a mount of the administrator's nor the root of who asks matters, and paths
 * for the rest.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/lockdep.h>
#include <linux/mount.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "kfile.h"

static struct vfsmount *proc_mnt;
static struct vfsmount *sys_mnt;

static struct vfsmount *mount_for_us(const char *name)
{
	struct file_system_type *type = get_fs_type(name);

	if (!type)
		return ERR_PTR(-ENODEV);
	/* put_filesystem() is not exported; both are built in and have no owner */
	return kern_mount(type);
}

/*
 * Who writes /proc/ainka waits, under the write access to that superblock, for
 * locks under which sysctls are written in ours. Lockdep tells superblocks apart
 * by their type alone.
 */
static void own_lock_classes(struct super_block *sb)
{
	static struct lock_class_key keys[SB_FREEZE_LEVELS];
	int i;

	for (i = 0; i < SB_FREEZE_LEVELS; i++)
		lockdep_set_class(&sb->s_writers.rw_sem[i], &keys[i]);
}

/*
 * The same for an open attribute: the fast lane reads one under the locks that
 * who reads /proc/ainka waits for, and that is a seq_file as well. Nobody else
 * has ours open.
 */
static void own_file_classes(struct seq_file *seq, struct kernfs_open_file *of)
{
	static struct lock_class_key seq_key, of_key;

	lockdep_set_class(&seq->lock, &seq_key);
	lockdep_set_class(&of->mutex, &of_key);
}

static struct file *open_sys(const char *path, int flags)
{
	struct file *file = file_open_root_mnt(sys_mnt, path, flags, 0);
	struct seq_file *seq;

	/* kernfs makes a seq_file of each, whether it is read as one or not */
	if (!IS_ERR(file) && S_ISREG(file_inode(file)->i_mode)) {
		seq = file->private_data;
		own_file_classes(seq, seq->private);
	}
	return file;
}

/**
 * ainka_kfile_init() - mount proc and sysfs for ourselves
 *
 * Return: 0 or a negative errno.
 */
int ainka_kfile_init(void)
{
	proc_mnt = mount_for_us("proc");
	if (IS_ERR(proc_mnt))
		return PTR_ERR(proc_mnt);
	own_lock_classes(proc_mnt->mnt_sb);
	sys_mnt = mount_for_us("sysfs");
	if (IS_ERR(sys_mnt)) {
		kern_unmount(proc_mnt);
		return PTR_ERR(sys_mnt);
	}
	return 0;
}

/**
 * ainka_kfile_exit() - undo ainka_kfile_init()
 */
void ainka_kfile_exit(void)
{
	kern_unmount(sys_mnt);
	kern_unmount(proc_mnt);
}

/**
 * ainka_file_read() - read a file from its beginning and close it
 * @file: the file, or an error pointer, whose error is returned
 * @buf: gets the text, NUL-terminated
 * @size: size of @buf; longer text is cut
 *
 * Return: 0 or a negative errno.
 */
int ainka_file_read(struct file *file, char *buf, size_t size)
{
	loff_t pos = 0;
	ssize_t n;

	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_read(file, buf, size - 1, &pos);
	filp_close(file, NULL);
	if (n < 0)
		return n;
	buf[n] = '\0';
	return 0;
}

/**
 * ainka_file_write() - write a file in one go and close it
 * @file: the file, or an error pointer, whose error is returned
 * @text: what to write
 *
 * Return: 0 or a negative errno.
 */
int ainka_file_write(struct file *file, const char *text)
{
	size_t len = strlen(text);
	loff_t pos = 0;
	ssize_t n;

	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_write(file, text, len, &pos);
	filp_close(file, NULL);
	if (n < 0)
		return n;
	return n == len ? 0 : -EIO;
}

/**
 * ainka_proc_read() - read a file of proc
 * @path: path below the root of proc
 * @buf: gets the text, NUL-terminated
 * @size: size of @buf; longer text is cut
 *
 * Return: 0 or a negative errno.
 */
int ainka_proc_read(const char *path, char *buf, size_t size)
{
	return ainka_file_read(file_open_root_mnt(proc_mnt, path, O_RDONLY, 0), buf, size);
}

/**
 * ainka_proc_write() - write a file of proc in one go
 * @path: path below the root of proc
 * @text: what to write
 *
 * Return: 0 or a negative errno.
 */
int ainka_proc_write(const char *path, const char *text)
{
	return ainka_file_write(file_open_root_mnt(proc_mnt, path, O_WRONLY, 0), text);
}

/**
 * ainka_sys_read() - read an attribute of sysfs
 * @path: path below the root of sysfs
 * @buf: gets the text, NUL-terminated
 * @size: size of @buf; longer text is cut
 *
 * Return: 0 or a negative errno.
 */
int ainka_sys_read(const char *path, char *buf, size_t size)
{
	return ainka_file_read(open_sys(path, O_RDONLY), buf, size);
}

/**
 * ainka_sys_write() - write an attribute of sysfs in one go
 * @path: path below the root of sysfs
 * @text: what to write
 *
 * Return: 0 or a negative errno.
 */
int ainka_sys_write(const char *path, const char *text)
{
	return ainka_file_write(open_sys(path, O_WRONLY), text);
}

/* Names are collected first: the directory is locked while it is read. */
struct collection {
	struct dir_context ctx;
	struct ainka_names *names;
};

static bool collect(struct dir_context *ctx, const char *name, int len, loff_t pos, u64 ino,
		    unsigned int type)
{
	struct ainka_names *names = container_of(ctx, struct collection, ctx)->names;

	if (name[0] == '.' || len >= AINKA_FILE_NAME_LEN)
		return true;
	if (names->n == AINKA_NAMES_MAX)
		return false;
	memcpy(names->name[names->n], name, len);
	names->name[names->n++][len] = '\0';
	return true;
}

/**
 * ainka_sys_list() - names of what is in a directory of sysfs
 * @path: path below the root of sysfs
 * @names: gets at most AINKA_NAMES_MAX of them; longer names are left out
 *
 * Return: 0 or a negative errno.
 */
int ainka_sys_list(const char *path, struct ainka_names *names)
{
	struct collection collection = { .ctx.actor = collect, .names = names };
	struct file *dir = file_open_root_mnt(sys_mnt, path, O_RDONLY | O_DIRECTORY, 0);
	int err;

	names->n = 0;
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	err = iterate_dir(dir, &collection.ctx);
	filp_close(dir, NULL);
	return err;
}

/**
 * ainka_path_read() - read a file
 * @path: absolute path, as the kernel threads' root sees it
 * @buf: gets the text, NUL-terminated
 * @size: size of @buf; longer text is cut
 *
 * Return: 0 or a negative errno.
 */
int ainka_path_read(const char *path, char *buf, size_t size)
{
	return ainka_file_read(filp_open(path, O_RDONLY, 0), buf, size);
}

/**
 * ainka_path_write() - write a file in one go
 * @path: absolute path, as the kernel threads' root sees it
 * @text: what to write
 *
 * Return: 0 or a negative errno.
 */
int ainka_path_write(const char *path, const char *text)
{
	return ainka_file_write(filp_open(path, O_WRONLY, 0), text);
}
