/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_NETNS_H
#define AINKA_NETNS_H

#include <linux/types.h>

/* The number by which functions here mean the initial network namespace. */
#define AINKA_NETNS_INITIAL	0

void ainka_netns_exit(void);
int ainka_netns_cookie(u32 inode, u64 *cookie);
int ainka_netns_read(u32 inode, const char *path, char *buf, size_t size);
int ainka_netns_write(u32 inode, const char *path, const char *text);

#endif
