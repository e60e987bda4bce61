/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_MAPS_H
#define AINKA_MAPS_H

#include <linux/bpf.h>
#include <linux/types.h>

struct ainka_cgroup_rec;
struct ainka_dev_rec;
struct ainka_sched_stats;
struct ainka_task_rec;

int ainka_maps_attach(u32 role, u32 fd, const char **why);
void ainka_maps_detach_all(void);
u32 ainka_maps_attached(void);
struct bpf_map *ainka_map(u32 role);
bool ainka_map_walk(u32 role, bpf_callback_t fn, void *arg);

bool ainka_maps_sched_stats(int cpu, struct ainka_sched_stats *out);
bool ainka_maps_each_cpu(u32 role, u32 key, void (*visit)(const void *value, void *arg),
			 void *arg);
bool ainka_maps_task(u32 pid, struct ainka_task_rec *out);
/* visit returns false to stop; called without sleeping */
void ainka_maps_walk_tasks(bool (*visit)(const struct ainka_task_rec *rec, void *arg),
			   void *arg);
bool ainka_maps_cgroup(u64 id, struct ainka_cgroup_rec *out);
bool ainka_maps_walk_cgroups(void (*visit)(const struct ainka_cgroup_rec *rec, void *arg),
			     void *arg);
bool ainka_maps_running(int cpu, u64 *id, u64 *since_ns);

bool ainka_maps_device(u32 devt, struct ainka_dev_rec *out);
u32 ainka_maps_devices(u32 *devt, u32 max);

#endif
