/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_CGROUP_H
#define AINKA_CGROUP_H

#include <linux/cgroup.h>
#include <linux/types.h>

#include "target.h"

/* Number of the key of every cgroup; its id is the cgroup's. */
#define AINKA_CGROUP_NUM 1

bool ainka_cgroup_get(u64 id, struct ainka_target *target);
u32 ainka_cgroup_list(u64 *ids, u32 room);
bool ainka_cgroup_gone(const struct cgroup *cgrp);
/* NULL, or why this cgroup is never changed */
const char *ainka_cgroup_protected(const struct ainka_target *target);
/* NULL, or why no cgroup of this machine has the attribute */
const char *ainka_cgroup_lacks(const char *attribute);
int ainka_cgroup_read(struct cgroup *cgrp, const char *name, char *buf, size_t size);
int ainka_cgroup_write(struct cgroup *cgrp, const char *name, const char *text);

#endif
