// SPDX-License-Identifier: GPL-2.0
/* Reading the map of cgroups while programs write to it. */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "ainka_core.h"
#include "ainka_events.h"
#include "maps.h"

/*
 * Numbers of a record only grow, and may be of slightly different moments. What
 * must not happen is that the element became another cgroup's meanwhile.
 */
static bool copy_cgroup(const struct ainka_cgroup_rec *from, u64 id, void *out, size_t size)
{
	u64 seq = READ_ONCE(from->seq);

	smp_rmb(); /* the copy comes after the first look */
	memcpy(out, from, size);
	smp_rmb(); /* and before the second */
	return seq && READ_ONCE(from->seq) == seq && READ_ONCE(from->id) == id;
}

/**
 * ainka_maps_cgroup() - copy the record of a cgroup
 * @id: the cgroup
 * @out: gets the copy
 *
 * Return: false if there is none or it kept changing.
 */
bool ainka_maps_cgroup(u64 id, struct ainka_cgroup_rec *out)
{
	const struct ainka_cgroup_rec *value = NULL;
	struct bpf_map *map;

	rcu_read_lock();
	map = ainka_map(AINKA_MAP_ROLE_CGROUPS);
	if (map)
		value = map->ops->map_lookup_elem(map, &id);
	if (value && !copy_cgroup(value, id, out, sizeof(*out)))
		value = NULL;
	rcu_read_unlock();
	return value;
}

struct cgroup_walk {
	void (*visit)(const struct ainka_cgroup_rec *rec, void *arg);
	void *arg;
	u32 left;
	struct ainka_cgroup_rec copy;
};

static u64 walk_cgroup(u64 map, u64 key, u64 value, u64 arg, u64 unused)
{
	struct cgroup_walk *walk = (struct cgroup_walk *)(unsigned long)arg;
	u64 id = *(u64 *)(unsigned long)key;

	if (!walk->left--)
		return 1;
	if (copy_cgroup((const void *)(unsigned long)value, id, &walk->copy,
			offsetof(struct ainka_cgroup_rec, delay_hist)))
		walk->visit(&walk->copy, walk->arg);
	return 0;
}

/**
 * ainka_maps_walk_cgroups() - visit the records of the cgroups, without histograms
 * @visit: called with a copy of each
 * @arg: passed on
 *
 * Return: false if the map is not there.
 */
bool ainka_maps_walk_cgroups(void (*visit)(const struct ainka_cgroup_rec *rec, void *arg),
			     void *arg)
{
	static struct cgroup_walk walk;	/* the fast worker's, too large for its stack */

	walk.visit = visit;
	walk.arg = arg;
	walk.left = AINKA_CGROUPS_MAX;
	return ainka_map_walk(AINKA_MAP_ROLE_CGROUPS, walk_cgroup, &walk);
}
