// SPDX-License-Identifier: GPL-2.0
/*
 * BPF maps handed over by the daemon. The module keeps a reference until the
 * lease ends; the programs that fill them die with the daemon, after which the
 * signals that come from them grow stale.
 */
#include <linux/bpf.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/filter.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "ainka_core.h"
#include "ainka_events.h"
#include "compat.h"
#include "maps.h"

AINKA_IMPORT_NS(BPF_INTERNAL);

#define N_ROLES (AINKA_MAP_ROLE_TIMES + 1)

/* What a map must look like to be believed. */
static const struct {
	enum bpf_map_type type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	const char *why;
} shape[N_ROLES] = {
	[AINKA_MAP_ROLE_SCHED_STATS] = {
		BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(u32), sizeof(struct ainka_sched_stats), 1,
		"role sched-stats takes a per-CPU array with one struct ainka_sched_stats",
	},
	[AINKA_MAP_ROLE_TASKS] = {
		BPF_MAP_TYPE_HASH, sizeof(u32), sizeof(struct ainka_task_rec), AINKA_TASKS_MAX,
		"role tasks takes a hash from u32 to struct ainka_task_rec, at most 4096 entries",
	},
	[AINKA_MAP_ROLE_DEVICES] = {
		BPF_MAP_TYPE_HASH, sizeof(u32), sizeof(struct ainka_dev_rec), AINKA_DEVS_MAX,
		"role devices takes a hash from u32 to struct ainka_dev_rec, at most 256 entries",
	},
	[AINKA_MAP_ROLE_CGROUPS] = {
		BPF_MAP_TYPE_HASH, sizeof(u64), sizeof(struct ainka_cgroup_rec),
		AINKA_CGROUPS_MAX,
		"role cgroups takes a hash from u64 to struct ainka_cgroup_rec, at most 512 entries",
	},
	[AINKA_MAP_ROLE_COUNTERS] = {
		BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(u32), sizeof(struct ainka_counters), 1,
		"role counters takes a per-CPU array with one struct ainka_counters",
	},
	[AINKA_MAP_ROLE_TIMES] = {
		BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(u32), sizeof(struct ainka_times),
		AINKA_TIMES_MAX,
		"role times takes a per-CPU array of struct ainka_times, at most 16 entries",
	},
};

/* protects changing maps; they are read under RCU */
static DEFINE_MUTEX(maps_lock);
static struct bpf_map __rcu *maps[N_ROLES];

static void replace(u32 role, struct bpf_map *map)
{
	struct bpf_map *old;

	mutex_lock(&maps_lock);
	old = rcu_replace_pointer(maps[role], map, lockdep_is_held(&maps_lock));
	mutex_unlock(&maps_lock);
	if (old) {
		synchronize_rcu();
		bpf_map_put(old);
	}
}

/**
 * ainka_maps_attach() - take over a map of the caller's
 * @role: enum ainka_map_role
 * @fd: file descriptor of the map in the caller
 * @why: gets what is wrong, in words
 *
 * Return: 0 or a negative errno.
 */
int ainka_maps_attach(u32 role, u32 fd, const char **why)
{
	struct bpf_map *map;

	if (role >= N_ROLES) {
		*why = "role is none of sched-stats, tasks, devices, cgroups, counters, times";
		return -EINVAL;
	}
	map = bpf_map_get(fd);
	if (IS_ERR(map)) {
		*why = "fd is not a BPF map of the sender";
		return PTR_ERR(map);
	}
	if (map->map_type != shape[role].type || map->key_size != shape[role].key_size ||
	    map->value_size != shape[role].value_size ||
	    map->max_entries > shape[role].max_entries) {
		bpf_map_put(map);
		*why = shape[role].why;
		return -EINVAL;
	}
	replace(role, map);
	return 0;
}

/**
 * ainka_maps_detach_all() - let go of every map
 */
void ainka_maps_detach_all(void)
{
	u32 role;

	for (role = 0; role < N_ROLES; role++)
		replace(role, NULL);
}

/**
 * ainka_maps_attached() - which maps are there
 *
 * Return: bit mask of roles.
 */
u32 ainka_maps_attached(void)
{
	u32 role, mask = 0;

	for (role = 0; role < N_ROLES; role++)
		if (rcu_access_pointer(maps[role]))
			mask |= BIT(role);
	return mask;
}

/**
 * ainka_map() - the map of a role
 * @role: enum ainka_map_role
 *
 * Context: under rcu_read_lock(), which is how long it stays.
 *
 * Return: the map, or NULL.
 */
struct bpf_map *ainka_map(u32 role)
{
	return rcu_dereference(maps[role]);
}

/**
 * ainka_map_walk() - walk the elements of a hash map
 * @role: enum ainka_map_role
 * @fn: called for each with the map, the key and the value, all as pointers in
 *	u64, and @arg; returns 1 to stop. Must not sleep
 * @arg: passed on
 *
 * Return: false if the map is not there.
 */
bool ainka_map_walk(u32 role, bpf_callback_t fn, void *arg)
{
	struct bpf_map *map;

	/* as for a program: the walk relies on its CPU staying the same */
	migrate_disable();
	rcu_read_lock();
	map = rcu_dereference(maps[role]);
	if (map)
		map->ops->map_for_each_callback(map, fn, arg, 0);
	rcu_read_unlock();
	migrate_enable();
	return map;
}

static const void *on_cpu(u32 role, u32 key, int cpu)
{
	struct bpf_map *map = rcu_dereference(maps[role]);

	return map ? map->ops->map_lookup_percpu_elem(map, &key, cpu) : NULL;
}

/**
 * ainka_maps_sched_stats() - copy what one CPU has counted
 * @cpu: the CPU
 * @out: gets the copy; its counters may be from slightly different moments
 *
 * Return: false if the map is not there.
 */
bool ainka_maps_sched_stats(int cpu, struct ainka_sched_stats *out)
{
	const void *value;

	rcu_read_lock();
	value = on_cpu(AINKA_MAP_ROLE_SCHED_STATS, 0, cpu);
	if (value)
		memcpy(out, value, sizeof(*out));
	rcu_read_unlock();
	return value;
}

/**
 * ainka_maps_each_cpu() - visit what the CPUs have counted
 * @role: role of a per-CPU array
 * @key: its element
 * @visit: called for each possible CPU; programs may add to the value meanwhile
 * @arg: passed on
 *
 * Return: false if the map or the element is not there.
 */
bool ainka_maps_each_cpu(u32 role, u32 key, void (*visit)(const void *value, void *arg),
			 void *arg)
{
	const void *value = NULL;
	int cpu;

	rcu_read_lock();
	for_each_possible_cpu(cpu) {
		value = on_cpu(role, key, cpu);
		if (!value)
			break;
		visit(value, arg);
	}
	rcu_read_unlock();
	return value;
}

/*
 * The element may be written, or reused for another task, while it is copied:
 * the sequence number is even and unchanged around a whole copy.
 */
static bool copy_task(const struct ainka_task_rec *from, u32 pid, struct ainka_task_rec *out)
{
	u32 seq = READ_ONCE(from->seq);

	if (seq & 1)
		return false;
	smp_rmb(); /* the copy comes after the first look */
	memcpy(out, from, sizeof(*out));
	smp_rmb(); /* and before the second */
	return READ_ONCE(from->seq) == seq && out->pid == pid;
}

/**
 * ainka_maps_task() - copy the record of a task
 * @pid: the task
 * @out: gets the copy
 *
 * Return: false if there is none or it kept changing.
 */
bool ainka_maps_task(u32 pid, struct ainka_task_rec *out)
{
	const struct ainka_task_rec *value;
	struct bpf_map *map;
	bool found = false;
	int attempt;

	rcu_read_lock();
	map = rcu_dereference(maps[AINKA_MAP_ROLE_TASKS]);
	for (attempt = 0; map && !found && attempt < 3; attempt++) {
		value = map->ops->map_lookup_elem(map, &pid);
		if (!value)
			break;
		found = copy_task(value, pid, out);
	}
	rcu_read_unlock();
	return found;
}

struct walk {
	bool (*visit)(const struct ainka_task_rec *rec, void *arg);
	void *arg;
	u32 left;
	struct ainka_task_rec copy;
};

/* A bpf_callback_t: the helper passes everything as u64. */
static u64 walk_one(u64 map, u64 key, u64 value, u64 arg, u64 unused)
{
	struct walk *walk = (struct walk *)(unsigned long)arg;
	u32 pid = *(u32 *)(unsigned long)key;

	if (!walk->left--)
		return 1;
	if (!copy_task((const void *)(unsigned long)value, pid, &walk->copy))
		return 0;
	return !walk->visit(&walk->copy, walk->arg);
}

/**
 * ainka_maps_walk_tasks() - visit the records of the tasks, at most 4 096
 * @visit: called with a whole copy of each; returns false to stop
 * @arg: passed on
 *
 * A record that is being written is left out this time.
 */
void ainka_maps_walk_tasks(bool (*visit)(const struct ainka_task_rec *rec, void *arg),
			   void *arg)
{
	struct walk walk = { .visit = visit, .arg = arg, .left = AINKA_TASKS_MAX };

	ainka_map_walk(AINKA_MAP_ROLE_TASKS, walk_one, &walk);
}

/**
 * ainka_maps_device() - copy the record of a disk
 * @devt: its device number
 * @out: gets the copy; its counters may be from slightly different moments
 *
 * Return: false if there is none.
 */
bool ainka_maps_device(u32 devt, struct ainka_dev_rec *out)
{
	const struct ainka_dev_rec *value = NULL;
	struct bpf_map *map;
	bool whole = false;
	u32 seq;

	rcu_read_lock();
	map = rcu_dereference(maps[AINKA_MAP_ROLE_DEVICES]);
	if (map)
		value = map->ops->map_lookup_elem(map, &devt);
	if (value) {
		seq = READ_ONCE(value->seq);
		smp_rmb(); /* the copy comes after the first look */
		memcpy(out, value, sizeof(*out));
		smp_rmb(); /* and before the second */
		whole = seq && READ_ONCE(value->seq) == seq && out->devt == devt;
	}
	rcu_read_unlock();
	return whole;
}

/* struct numbers - keys collected by a walk */
struct numbers {
	u32 *devt;
	u32 n;
	u32 max;
};

static u64 collect_number(u64 map, u64 key, u64 value, u64 arg, u64 unused)
{
	struct numbers *numbers = (struct numbers *)(unsigned long)arg;

	if (numbers->n == numbers->max)
		return 1;
	numbers->devt[numbers->n++] = *(u32 *)(unsigned long)key;
	return 0;
}

/**
 * ainka_maps_devices() - which disks have a record
 * @devt: gets their device numbers
 * @max: room in it
 *
 * Return: how many.
 */
u32 ainka_maps_devices(u32 *devt, u32 max)
{
	struct numbers numbers = { .devt = devt, .max = max };

	ainka_map_walk(AINKA_MAP_ROLE_DEVICES, collect_number, &numbers);
	return numbers.n;
}

/**
 * ainka_maps_running() - which cgroup runs on a CPU at this moment
 * @cpu: the CPU
 * @id: gets its id
 * @since_ns: gets since when
 *
 * Return: false if none does.
 */
bool ainka_maps_running(int cpu, u64 *id, u64 *since_ns)
{
	const struct ainka_sched_stats *stats;

	rcu_read_lock();
	stats = on_cpu(AINKA_MAP_ROLE_SCHED_STATS, 0, cpu);
	if (stats) {
		*since_ns = READ_ONCE(stats->last_ns);
		*id = READ_ONCE(stats->cgroup);
	}
	rcu_read_unlock();
	return stats && *id;
}
