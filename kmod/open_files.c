// SPDX-License-Identifier: GPL-2.0
/*
 * Files that are open on a disk. A file copies the read-ahead of its disk when
 * it is opened, so one that is open keeps what was set then. Here it gets the
 * new value, if it has the old one, by way of the tables and the mappings of
 * the tasks; see docs/limits.md for the files that are in neither.
 */
#include <linux/backing-dev.h>
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "open_files.h"

/* Entries of a table looked at without giving up its locks. */
#define BATCH		1000
#define MMAP_ATTEMPTS	20

/* What a file must have to be changed, and what it gets; both in pages. */
struct change {
	u32 devt;
	u32 from;
	u32 to;
	struct ainka_files *met;
	unsigned int batch;
};

/* The disk whose read-ahead a file has copied, or NULL. */
static struct gendisk *disk_of(const struct file *file)
{
	struct inode *inode = file->f_mapping->host;
	struct block_device *bdev;

	if (!inode)
		return NULL;
	bdev = sb_is_blkdev_sb(inode->i_sb) ? I_BDEV(inode) : inode->i_sb->s_bdev;
	/* some file systems have a read-ahead of their own */
	if (!bdev || inode_to_bdi(inode) != bdev->bd_disk->bdi)
		return NULL;
	return bdev->bd_disk;
}

static void change_file(struct change *change, struct file *file)
{
	struct gendisk *disk = disk_of(file);

	change->met->files++;
	if (!disk || disk_devt(disk) != change->devt)
		return;
	/* what fadvise() has set, or sets meanwhile, is not the disk's */
	if (cmpxchg(&file->f_ra.ra_pages, change->from, change->to) == change->from)
		change->met->changed++;
}

/* Called by iterate_fd(); not 0 ends it, with the entry where to go on. */
static int visit_fd(const void *arg, struct file *file, unsigned int fd)
{
	struct change *change = (struct change *)arg;

	change_file(change, file);
	return --change->batch ? 0 : fd + 1;
}

static void visit_table(struct change *change, struct task_struct *task)
{
	int fd = 0;

	do {
		change->batch = BATCH;
		/* keeps the task's table from being let go */
		task_lock(task);
		fd = iterate_fd(task->files, fd, visit_fd, change);
		task_unlock(task);
		cond_resched();
	} while (fd);
}

static bool lock_mappings(struct mm_struct *mm)
{
	int attempt;

	/* whoever has it may be waiting for this very disk */
	for (attempt = 0; attempt < MMAP_ATTEMPTS; attempt++) {
		if (mmap_read_trylock(mm))
			return true;
		usleep_range(500, 1000);
	}
	return false;
}

static void change_mapped(struct change *change, struct mm_struct *mm)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	for_each_vma(vmi, vma)
		if (vma->vm_file)
			change_file(change, vma->vm_file);
}

/* A file that is mapped may have been closed. */
static void visit_mappings(struct change *change, struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);

	if (!mm)
		return;
	if (lock_mappings(mm)) {
		change_mapped(change, mm);
		mmap_read_unlock(mm);
	} else {
		change->met->skipped++;
	}
	/* the last one tears it down, which is not the slow lane's business */
	mmput_async(mm);
}

/* Threads share both with their leader, unless that has ended or they have their own table. */
static void visit_task(struct change *change, struct task_struct *task)
{
	const struct task_struct *leader;
	bool own_table, own_mappings;

	if (task->flags & PF_KTHREAD)
		return;
	rcu_read_lock();
	leader = READ_ONCE(task->group_leader);
	own_table = task == leader || READ_ONCE(task->files) != READ_ONCE(leader->files);
	own_mappings = task == leader || READ_ONCE(task->mm) != READ_ONCE(leader->mm);
	rcu_read_unlock();
	change->met->tasks++;
	if (own_table)
		visit_table(change, task);
	if (own_mappings)
		visit_mappings(change, task);
}

/* The task with this number or the next one, referenced. */
static struct task_struct *next_task_from(int *number)
{
	struct task_struct *task = NULL;
	struct pid *pid;

	rcu_read_lock();
	while (!task && (pid = idr_get_next(&init_pid_ns.idr, number))) {
		task = get_pid_task(pid, PIDTYPE_PID);
		if (!task)
			++*number;
	}
	rcu_read_unlock();
	return task;
}

/**
 * ainka_files_readahead() - change the read-ahead of the files that are open on a disk
 * @devt: device number of the disk
 * @from: only files that have this one, in pages
 * @to: what they get
 * @met: gets what was looked at
 *
 * A file that is being opened takes the disk's value by itself, unless it has
 * done so before that was changed and enters a table after this has looked.
 *
 * Context: the slow lane; sleeps, and takes the time of a look at every open file.
 */
void ainka_files_readahead(u32 devt, u32 from, u32 to, struct ainka_files *met)
{
	struct change change = { .devt = devt, .from = from, .to = to, .met = met };
	struct task_struct *task;
	int number = 1;

	memset(met, 0, sizeof(*met));
	while ((task = next_task_from(&number))) {
		visit_task(&change, task);
		put_task_struct(task);
		number++;
		cond_resched();
	}
}
