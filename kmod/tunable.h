/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_TUNABLE_H
#define AINKA_TUNABLE_H

#include <linux/sched.h>
#include <linux/types.h>

#include "ainka_core.h"
#include "target.h"

struct ainka_tunable;

/* Note of a tunable of which every network namespace has its own. */
#define AINKA_NOTE_NETNS \
	"the initial network namespace's; another's is netns.INODE.NAME without sysctl"

/* Why a sysctl is absent. */
#define AINKA_LACKS_SYSCTL "this kernel has no such sysctl"

/* Longest text of a tunable that is saved and restored as text, with its NUL. */
#define AINKA_SAVED_LEN 1024
/* Longest reason why a value is refused, with its NUL. */
#define AINKA_REFUSAL_LEN 120

/**
 * struct ainka_tunable_ops - what a kind of tunable can do; all may sleep
 * @read: present value; of a task, called by the fork probe too, where it must not sleep
 * @write: set it; called only with values inside the bounds
 * @identity: number that changes when the thing behind the name is another one. Looked at
 *	by the fast lane every round, so it may not wait for what the slow lane does.
 *	-ENODEV or -ENOENT if it is gone, another error if that cannot be told now
 * @save: for a tunable that is more than its value (settings that are reset with it,
 *	a value that no number expresses): all of it as text of at most AINKA_SAVED_LEN
 *	bytes. Two equal texts mean that nobody has written in between
 * @restore: write back what @save has given; needed with @save
 * @refuses: a value inside the bounds that this machine cannot take now; says why in
 *	at most AINKA_REFUSAL_LEN bytes. Asked when a policy comes in
 * @limit: how far a write may go towards a value now, for limits that depend on the
 *	subject; asked again until the value itself is reached
 */
struct ainka_tunable_ops {
	int (*read)(const struct ainka_tunable *tun, const struct ainka_target *target,
		    s64 *value);
	int (*write)(const struct ainka_tunable *tun, const struct ainka_target *target,
		     s64 value);
	int (*identity)(const struct ainka_tunable *tun, const struct ainka_target *target,
			u64 *id);
	int (*save)(const struct ainka_tunable *tun, const struct ainka_target *target,
		    char *text);
	int (*restore)(const struct ainka_tunable *tun, const struct ainka_target *target,
		       const char *text);
	bool (*refuses)(const struct ainka_tunable *tun, s64 value, char *why);
	s64 (*limit)(const struct ainka_tunable *tun, const struct ainka_target *target,
		     s64 baseline, s64 present, s64 value);
};

/**
 * struct ainka_tunable - one thing that can be set; lives as long as the module
 * @name: unique name
 * @unit: unit of the value
 * @arg: the kind's own (path or device)
 * @absent: why the machine does not have it, or NULL
 * @note: what else there is to know before it is set, or NULL
 * @ops: the kind
 * @bounds: hard bounds, step limit, names of the values
 * @id: the kind's own (inode of a network namespace, number of a CPU)
 * @per_netns: every network namespace has one; this is that of namespace @id
 * @kind: enum ainka_kind
 * @subject: enum ainka_subject
 * @lane: enum ainka_lane
 * @of_process: a process has it once, whichever of its threads it is set on
 */
struct ainka_tunable {
	const char *name;
	const char *unit;
	const char *arg;
	const char *absent;
	const char *note;
	const struct ainka_tunable_ops *ops;
	struct ainka_bounds bounds;
	u64 id;
	bool per_netns;
	u32 kind;
	u32 subject;
	u32 lane;
	bool of_process;
};

int ainka_tunables_init(void);
void ainka_tunables_exit(void);
const struct ainka_tunable *ainka_tunable_find(const char *name);
const struct ainka_tunable *ainka_tunable_at(unsigned int index);
void ainka_tunables_scan(void);

int ainka_tunable_add(const struct ainka_tunable *tun);
int ainka_tunable_probe(struct ainka_tunable *tun, const char *lacks);

int ainka_sysctl_init(void);
int ainka_sysctl_text(const struct ainka_tunable *tun, char *buf, size_t size);
int ainka_sysctl_put(const struct ainka_tunable *tun, const char *text);
int ainka_sysctl_identity(const struct ainka_tunable *tun, const struct ainka_target *target,
			  u64 *id);
int ainka_dirty_init(void);
int ainka_tcp_init(void);
int ainka_netns_tunable(const char *name);
void ainka_netns_tunables_exit(void);
int ainka_sysfs_init(void);
int ainka_sysfs_word(const struct ainka_tunable *tun, const struct ainka_target *target,
		     s64 *value);
int ainka_sysfs_put_word(const struct ainka_tunable *tun, const struct ainka_target *target,
			 s64 value);
int ainka_thp_init(void);
int ainka_pmqos_init(void);
void ainka_pmqos_exit(void);
int ainka_cpufreq_init(void);
void ainka_cpufreq_exit(void);
int ainka_cpufreq_scan(void);
int ainka_task_init(void);
int ainka_affinity_init(void);
int ainka_ioprio_init(void);
int ainka_process_init(void);
int ainka_cgroup_init(void);
int ainka_block_init(void);
void ainka_block_exit(void);
int ainka_block_scan(void);
bool ainka_task_identify(struct ainka_key *key);
struct task_struct *ainka_task_get(u32 pid, u64 start_ns);
bool ainka_task_gone(struct task_struct *task);
bool ainka_process_gone(struct task_struct *task);
/* NULL, or why this task is never changed */
const char *ainka_task_protected(struct task_struct *task);

#endif
