// SPDX-License-Identifier: GPL-2.0
/*
 * Cgroups (version 2) as subjects: found by id, held by reference, and their
 * attributes as files. There is no private mount as for proc: mounting cgroup2
 * without its options would take nsdelegate and memory_recursiveprot from all
 * mounts there are. So files are opened below the initial root, whoever asks,
 * and what was opened must lie in the very cgroup that is meant.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/kernfs.h>
#include <linux/path.h>
#include <linux/pid_namespace.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cgroup.h"
#include "kfile.h"
#include "lease.h"
#include "params.h"

/* Where cgroup2 is mounted; the second with version 1 beside it. */
static const char *const mounts[] = { "sys/fs/cgroup", "sys/fs/cgroup/unified" };

/* Cgroups that are looked at to find those with processes. */
#define LIST_MAX 4096

/* The path as people know it; of a long one the end, which tells more. */
static void name(struct cgroup *cgrp, char *label)
{
	char *path;
	size_t n;

	cgroup_path(cgrp, label, AINKA_LABEL_LEN);
	/* what a path that does not fit returns differs between kernels */
	if (strlen(label) < AINKA_LABEL_LEN - 1)
		return;
	path = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!path)
		return;
	cgroup_path(cgrp, path, PATH_MAX);
	n = strlen(path);
	if (n >= AINKA_LABEL_LEN)
		strscpy(label, path + n - (AINKA_LABEL_LEN - 1), AINKA_LABEL_LEN);
	kfree(path);
}

/**
 * ainka_cgroup_get() - find a cgroup
 * @id: its id
 * @target: gets it with a reference
 *
 * Return: false if there is none of this id any more, or if the caller is in a
 * cgroup namespace that does not show it.
 */
bool ainka_cgroup_get(u64 id, struct ainka_target *target)
{
	struct cgroup *cgrp = cgroup_get_from_id(id);

	if (IS_ERR(cgrp))
		return false;
	if (ainka_cgroup_gone(cgrp)) {
		cgroup_put(cgrp);
		return false;
	}
	target->cgroup = cgrp;
	target->object = cgrp;
	target->key.num = AINKA_CGROUP_NUM;
	target->key.id = id;
	name(cgrp, target->label);
	return true;
}

/**
 * ainka_cgroup_list() - cgroups that have processes of their own
 * @ids: gets their ids, in the order of the tree; the root is left out
 * @room: how many there is room for
 *
 * Return: how many there are, of the first 4 096 cgroups.
 */
u32 ainka_cgroup_list(u64 *ids, u32 room)
{
	struct cgroup_subsys_state *css;
	u32 left = LIST_MAX, n = 0;

	rcu_read_lock();
	css_for_each_descendant_pre(css, &cgrp_dfl_root.cgrp.self) {
		struct cgroup *cgrp = css->cgroup;

		if (n == room || !left--)
			break;
		if (cgroup_parent(cgrp) && READ_ONCE(cgrp->nr_populated_csets) &&
		    !ainka_cgroup_gone(cgrp))
			ids[n++] = cgroup_id(cgrp);
	}
	rcu_read_unlock();
	return n;
}

/**
 * ainka_cgroup_gone() - has a cgroup been removed?
 * @cgrp: the cgroup
 *
 * Return: true if it has.
 */
bool ainka_cgroup_gone(const struct cgroup *cgrp)
{
	return !(READ_ONCE(cgrp->self.flags) & CSS_ONLINE);
}

static bool holds(struct cgroup *cgrp, struct task_struct *task)
{
	bool held;

	if (!task)
		return false;
	rcu_read_lock();
	held = cgroup_is_descendant(task_dfl_cgroup(task), cgrp);
	rcu_read_unlock();
	return held;
}

static bool protected_name(const char *label)
{
	const char *last = strrchr(label, '/');
	char name[AINKA_LABEL_LEN];

	strscpy(name, last ? last + 1 : label, sizeof(name));
	if (ainka_param_protects(name))
		return true;
	*strchrnul(name, '.') = '\0';
	return ainka_param_protects(name);
}

/**
 * ainka_cgroup_protected() - may this cgroup be changed?
 * @target: the cgroup
 *
 * What holds for a cgroup holds for those below it, so neither may one that has
 * init or the daemon below it be changed.
 *
 * Return: NULL if it may, else why not, in words.
 */
const char *ainka_cgroup_protected(const struct ainka_target *target)
{
	struct cgroup *cgrp = target->cgroup;
	struct task_struct *holder;
	bool ours, init;

	if (!cgroup_parent(cgrp))
		return "the root cgroup, where the kernel's own tasks are";
	rcu_read_lock();
	init = holds(cgrp, READ_ONCE(init_pid_ns.child_reaper));
	rcu_read_unlock();
	if (init)
		return "init is in it";
	holder = ainka_lease_holder_get();
	ours = holds(cgrp, holder);
	if (holder)
		put_task_struct(holder);
	if (ours)
		return "the daemon itself is in it";
	return protected_name(target->label) ? "protected name" : NULL;
}

/* Opens an attribute below one of the mounts; path has room for what is appended. */
static struct file *open_below(const struct path *root, const char *mount, struct cgroup *cgrp,
			       const char *name, int flags, char *path)
{
	size_t at = strlen(mount);
	struct dentry *parent;
	struct file *file;
	bool ours;

	strscpy(path, mount, PATH_MAX);
	cgroup_path(cgrp, path + at, PATH_MAX - at);
	at = strlen(path);
	if (snprintf(path + at, PATH_MAX - at, "/%s", name) >= PATH_MAX - at)
		return ERR_PTR(-ENAMETOOLONG);
	file = file_open_root(root, path, flags, 0);
	if (IS_ERR(file))
		return file;
	/* the path may lead to a mount of something else, or to a successor of this cgroup */
	parent = dget_parent(file->f_path.dentry);
	ours = d_inode(parent)->i_private == cgrp->kn;
	dput(parent);
	if (ours)
		return file;
	filp_close(file, NULL);
	return ERR_PTR(-ENOENT);
}

static struct file *open_attribute(struct cgroup *cgrp, const char *name, int flags)
{
	struct file *file = ERR_PTR(-ENOMEM);
	char *path = kmalloc(PATH_MAX, GFP_KERNEL);
	struct path root;
	unsigned int i;

	if (!path)
		return file;
	get_fs_root(init_task.fs, &root);
	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		file = open_below(&root, mounts[i], cgrp, name, flags, path);
		if (!IS_ERR(file) || PTR_ERR(file) != -ENOENT)
			break;
	}
	path_put(&root);
	kfree(path);
	if (!IS_ERR(file) || PTR_ERR(file) != -ENOENT)
		return file;
	return ERR_PTR(ainka_cgroup_gone(cgrp) ? -ENODEV : -EOPNOTSUPP);
}

/**
 * ainka_cgroup_read() - read an attribute of a cgroup
 * @cgrp: the cgroup
 * @name: the attribute, for instance memory.high
 * @buf: gets the text, NUL-terminated
 * @size: size of @buf; longer text is cut
 *
 * Return: 0 or a negative errno: -EOPNOTSUPP if the cgroup does not have the
 * attribute (its controller is not enabled), -ENODEV if the cgroup is gone.
 */
int ainka_cgroup_read(struct cgroup *cgrp, const char *name, char *buf, size_t size)
{
	return ainka_file_read(open_attribute(cgrp, name, O_RDONLY), buf, size);
}

/**
 * ainka_cgroup_write() - write an attribute of a cgroup in one go
 * @cgrp: the cgroup
 * @name: the attribute
 * @text: what to write
 *
 * Return: 0 or a negative errno, as ainka_cgroup_read().
 */
int ainka_cgroup_write(struct cgroup *cgrp, const char *name, const char *text)
{
	return ainka_file_write(open_attribute(cgrp, name, O_WRONLY), text);
}
