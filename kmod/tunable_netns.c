// SPDX-License-Identifier: GPL-2.0
/*
 * Sysctls of network namespaces other than the initial one. A namespace is
 * named by the inode number that lsns and ip netns show; its tunables are
 * registered when somebody asks for them, as netns.INODE.net.ipv4.tcp_ecn.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "netns.h"
#include "tunable.h"

#define PREFIX "netns."
/* Numbers are used again, so this bounds the namespaces there are at one time. */
#define MAX_NAMES 256

struct name {
	struct list_head node;
	char text[AINKA_TUNABLE_LEN];
};

static DEFINE_MUTEX(names_lock);	/* protects names and n_names */
static LIST_HEAD(names);
static unsigned int n_names;

/* What the initial namespace's of the same sort looks like; NULL if there is none. */
static const struct ainka_tunable *template_of(const char *sysctl)
{
	char name[AINKA_TUNABLE_LEN];
	const struct ainka_tunable *tun;

	if (snprintf(name, sizeof(name), "sysctl.%s", sysctl) >= sizeof(name))
		return NULL;
	tun = ainka_tunable_find(name);
	return tun && tun->per_netns && !tun->absent ? tun : NULL;
}

static int add(const char *text, const struct ainka_tunable *template, u32 inode)
{
	struct ainka_tunable tun = *template;
	struct name *name;
	int err;

	if (n_names == MAX_NAMES)
		return -ENOSPC;
	name = kzalloc(sizeof(*name), GFP_KERNEL);
	if (!name)
		return -ENOMEM;
	strscpy(name->text, text, sizeof(name->text));
	tun.name = name->text;
	tun.note = NULL;
	tun.id = inode;
	err = ainka_tunable_add(&tun);
	if (err) {
		kfree(name);
		return err;
	}
	list_add(&name->node, &names);
	n_names++;
	return 0;
}

/**
 * ainka_netns_tunable() - register a tunable of a network namespace by its name
 * @text: "netns.", the inode number, and the name of a sysctl
 *
 * Return: 0; a negative errno if the name is another one or there is no such namespace.
 */
int ainka_netns_tunable(const char *text)
{
	const char *number = text + strlen(PREFIX), *dot;
	const struct ainka_tunable *template;
	u64 cookie, initial;
	char digits[16];
	u32 inode;
	int err;

	if (strncmp(text, PREFIX, strlen(PREFIX)))
		return -ENOENT;
	dot = strchr(number, '.');
	if (!dot || dot - number >= sizeof(digits))
		return -ENOENT;
	strscpy(digits, number, dot - number + 1);
	if (kstrtou32(digits, 10, &inode) || inode == AINKA_NETNS_INITIAL)
		return -ENOENT;
	template = template_of(dot + 1);
	if (!template || ainka_netns_cookie(inode, &cookie))
		return -ENOENT;
	/* that one's tunables have their own names */
	if (!ainka_netns_cookie(AINKA_NETNS_INITIAL, &initial) && cookie == initial)
		return -ENOENT;
	mutex_lock(&names_lock);
	err = add(text, template, inode);
	mutex_unlock(&names_lock);
	return err;
}

/**
 * ainka_netns_tunables_exit() - free the names, after the registry has let go of them
 */
void ainka_netns_tunables_exit(void)
{
	struct name *name, *tmp;

	list_for_each_entry_safe(name, tmp, &names, node) {
		list_del(&name->node);
		kfree(name);
	}
	n_names = 0;
}
