// SPDX-License-Identifier: GPL-2.0
/*
 * Sysctls of network namespaces. Which namespace's sysctl a name below
 * /proc/sys/net means is decided by the nsproxy of who opens it, so the opener
 * gets another one for the moment of the access. Somebody who has the right to
 * (setns() with a pidfd) may take a reference to it meanwhile; it is freed when
 * that has been given back.
 */
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "kfile.h"
#include "netns.h"

/**
 * struct visit - a stay in another network namespace
 * @node: in strays, when somebody still refers to @proxy
 * @proxy: initial namespaces but for the one that is visited
 * @home: what the task had before
 */
struct visit {
	struct list_head node;
	struct nsproxy proxy;
	struct nsproxy *home;
};

/* One reference is the task's, and one that is never given back keeps it from being freed. */
#define OUR_REFERENCES 2

static DEFINE_MUTEX(strays_lock);	/* protects strays */
static LIST_HEAD(strays);

static struct net *get_net_by_inode(u32 inode)
{
	struct net *net, *found = NULL;

	if (inode == AINKA_NETNS_INITIAL)
		return get_net(&init_net);
	down_read(&net_rwsem);
	for_each_net(net) {
		if (net->ns.inum != inode)
			continue;
		found = maybe_get_net(net);
		break;
	}
	up_read(&net_rwsem);
	return found;
}

static void swap_nsproxy(struct nsproxy *proxy)
{
	task_lock(current);
	current->nsproxy = proxy;
	task_unlock(current);
}

static void enter(struct visit *visit, struct net *net)
{
	/* those of the initial task are never freed */
	visit->proxy = *init_task.nsproxy;
	visit->proxy.net_ns = net;
	ainka_nsproxy_set_count(&visit->proxy, OUR_REFERENCES);
	visit->home = current->nsproxy;
	swap_nsproxy(&visit->proxy);
}

static bool free_visit(struct visit *visit)
{
	if (ainka_nsproxy_count(&visit->proxy) > OUR_REFERENCES)
		return false;
	put_net(visit->proxy.net_ns);
	kfree(visit);
	return true;
}

/* Free what nobody refers to any more; true if nothing is left. */
static bool free_strays(void)
{
	struct visit *visit, *tmp;
	bool none;

	mutex_lock(&strays_lock);
	list_for_each_entry_safe(visit, tmp, &strays, node) {
		list_del(&visit->node);
		if (!free_visit(visit))
			list_add(&visit->node, &strays);
	}
	none = list_empty(&strays);
	mutex_unlock(&strays_lock);
	return none;
}

static void leave(struct visit *visit)
{
	swap_nsproxy(visit->home);
	/* nobody can find it any more, but somebody may have found it */
	mutex_lock(&strays_lock);
	list_add(&visit->node, &strays);
	mutex_unlock(&strays_lock);
	free_strays();
}

/**
 * ainka_netns_exit() - wait until nobody refers to anything of ours
 */
void ainka_netns_exit(void)
{
	while (!free_strays())
		msleep(20);
}

/**
 * ainka_netns_cookie() - a number of a network namespace that is not used again
 * @inode: its inode number, which is
 * @cookie: gets the number
 *
 * Return: 0, or -ENOENT if there is no such namespace.
 */
int ainka_netns_cookie(u32 inode, u64 *cookie)
{
	struct net *net = get_net_by_inode(inode);

	if (!net)
		return -ENOENT;
	*cookie = net->net_cookie;
	put_net(net);
	return 0;
}

/* Read into buf, or write text. */
static int access(u32 inode, const char *path, char *buf, size_t size, const char *text)
{
	struct net *net = get_net_by_inode(inode);
	struct visit *visit;
	int err;

	if (!net)
		return -ENOENT;
	visit = kzalloc(sizeof(*visit), GFP_KERNEL);
	if (!visit) {
		put_net(net);
		return -ENOMEM;
	}
	enter(visit, net);
	err = buf ? ainka_proc_read(path, buf, size) : ainka_proc_write(path, text);
	leave(visit);
	return err;
}

/* Workers are in the initial network namespace, and so are nearly all who ask. */
static bool at_home(u32 inode)
{
	return inode == AINKA_NETNS_INITIAL && current->nsproxy->net_ns == &init_net;
}

/**
 * ainka_netns_read() - read a sysctl as a network namespace sees it
 * @inode: inode number of the namespace, or AINKA_NETNS_INITIAL
 * @path: path below the root of proc
 * @buf: gets the text, NUL-terminated
 * @size: size of @buf; longer text is cut
 *
 * Return: 0 or a negative errno.
 */
int ainka_netns_read(u32 inode, const char *path, char *buf, size_t size)
{
	if (at_home(inode))
		return ainka_proc_read(path, buf, size);
	return access(inode, path, buf, size, NULL);
}

/**
 * ainka_netns_write() - write a sysctl of a network namespace in one go
 * @inode: inode number of the namespace, or AINKA_NETNS_INITIAL
 * @path: path below the root of proc
 * @text: what to write
 *
 * Return: 0 or a negative errno.
 */
int ainka_netns_write(u32 inode, const char *path, const char *text)
{
	if (at_home(inode))
		return ainka_proc_write(path, text);
	return access(inode, path, NULL, 0, text);
}
