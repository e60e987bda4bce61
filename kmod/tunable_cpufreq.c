// SPDX-License-Identifier: GPL-2.0
/*
 * CPU frequency: the least and the greatest, which are votes on the policy of a
 * group of CPUs. The list of votes is part of the policy, which is freed when
 * its driver goes: a notifier takes ours away first.
 */
#include <linux/cpufreq.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pm_qos.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tunable.h"
#include "tunable_cpufreq.h"

#define NAME_LEN 48
#define ABSENT "no CPU frequency driver when the module was loaded"

/**
 * struct group - a frequency policy, by the number in its name
 * @node: in groups; never removed
 * @cpu: that number, the first of its CPUs
 * @generation: counts the policies that had this number
 * @there: whether there is one
 * @vote: ours, by enum freq_qos_req_type less one
 * @voted: their values, the default if there is none
 * @name: of the tunables
 */
struct group {
	struct list_head node;
	u32 cpu;
	u64 generation;
	bool there;
	struct freq_qos_request vote[2];
	s32 voted[2];
	char name[3][NAME_LEN];
};

/* Protects all of this but the names; taken in the notifier, so not around what waits for it. */
static DEFINE_MUTEX(groups_lock);
static LIST_HEAD(groups);
static bool notified;

static const enum freq_qos_req_type types[] = { FREQ_QOS_MIN, FREQ_QOS_MAX };
static const s32 no_vote[] = { FREQ_QOS_MIN_DEFAULT_VALUE, FREQ_QOS_MAX_DEFAULT_VALUE };
static const char *const attributes[] = { "min_freq_khz", "max_freq_khz", "governor" };

static struct group *find(u32 cpu)
{
	struct group *group;

	list_for_each_entry(group, &groups, node)
		if (group->cpu == cpu)
			return group;
	return NULL;
}

/* The policy in sysfs is called by the first of its CPUs, whether that is online or not. */
static u32 number_of(const struct cpufreq_policy *policy)
{
	return cpumask_first(policy->related_cpus);
}

static struct cpufreq_policy *get_policy(u32 number)
{
	struct cpufreq_policy *policy;
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		policy = cpufreq_cpu_get(cpu);
		if (!policy)
			continue;
		if (number_of(policy) == number)
			return policy;
		cpufreq_cpu_put(policy);
	}
	return NULL;
}

static void withdraw(struct group *group, unsigned int i)
{
	if (freq_qos_request_active(&group->vote[i]))
		freq_qos_remove_request(&group->vote[i]);
	group->voted[i] = no_vote[i];
}

static int on_policy(struct notifier_block *nb, unsigned long event, void *data)
{
	struct cpufreq_policy *policy = data;
	struct group *group;
	unsigned int i;

	if (event != CPUFREQ_CREATE_POLICY && event != CPUFREQ_REMOVE_POLICY)
		return NOTIFY_DONE;
	mutex_lock(&groups_lock);
	group = find(number_of(policy));
	if (group) {
		for (i = 0; i < ARRAY_SIZE(types); i++)
			withdraw(group, i);
		group->there = event == CPUFREQ_CREATE_POLICY;
		group->generation++;
	}
	mutex_unlock(&groups_lock);
	return NOTIFY_OK;
}

static struct notifier_block policy_nb = { .notifier_call = on_policy };

/* Which of the two votes a tunable is. */
static unsigned int index_of(const struct ainka_tunable *tun)
{
	return !strcmp(tun->arg, attributes[1]);
}

static int vote_read(const struct ainka_tunable *tun, const struct ainka_target *target,
		     s64 *value)
{
	const struct group *group;
	int err = -ENODEV;

	mutex_lock(&groups_lock);
	group = find(tun->id);
	if (group && group->there) {
		*value = group->voted[index_of(tun)];
		err = 0;
	}
	mutex_unlock(&groups_lock);
	return err;
}

static int cast_vote(struct group *group, unsigned int i, s32 value)
{
	struct cpufreq_policy *policy;
	int err;

	if (freq_qos_request_active(&group->vote[i]))
		return freq_qos_update_request(&group->vote[i], value);
	policy = get_policy(group->cpu);
	if (!policy)
		return -ENODEV;
	/*
	 * A policy that goes away leaves the list before the notifier runs, and
	 * the notifier waits for groups_lock: it sees this vote.
	 */
	err = freq_qos_add_request(&policy->constraints, &group->vote[i], types[i], value);
	cpufreq_cpu_put(policy);
	return err;
}

static int vote_write(const struct ainka_tunable *tun, const struct ainka_target *target,
		      s64 value)
{
	unsigned int i = index_of(tun);
	struct group *group;
	int err = -ENODEV;

	mutex_lock(&groups_lock);
	group = find(tun->id);
	if (!group || !group->there)
		goto out;
	err = 0;
	if (value == no_vote[i])
		withdraw(group, i);
	else
		err = cast_vote(group, i, value);
	/* 1 says that the outcome has changed */
	if (err >= 0) {
		group->voted[i] = value;
		err = 0;
	}
out:
	mutex_unlock(&groups_lock);
	return err;
}

/**
 * ainka_cpufreq_identity() - which of the policies with a number this is
 * @tun: a tunable whose @id is that number
 * @target: the system
 * @id: gets a count
 *
 * Return: 0, or -ENODEV if there is none.
 */
int ainka_cpufreq_identity(const struct ainka_tunable *tun, const struct ainka_target *target,
			   u64 *id)
{
	const struct group *group;
	int err = -ENODEV;

	mutex_lock(&groups_lock);
	group = find(tun->id);
	if (group && group->there) {
		*id = group->generation;
		err = 0;
	}
	mutex_unlock(&groups_lock);
	return err;
}

static const struct ainka_tunable_ops vote_ops = {
	.read = vote_read,
	.write = vote_write,
	.identity = ainka_cpufreq_identity,
};

static int add_tunables(struct group *group, s64 min, s64 max)
{
	struct ainka_tunable tun = {
		.unit = "kHz",
		.note = "a vote among others",
		.bounds = { .min = min, .max = max },
		.kind = AINKA_KIND_CPUFREQ,
		.subject = AINKA_SUBJECT_SYSTEM,
		.lane = AINKA_LANE_FAST,
		.ops = &vote_ops,
		.id = group->cpu,
	};
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(types); i++) {
		tun.name = group->name[i];
		tun.arg = attributes[i];
		err = ainka_tunable_add(&tun);
	}
	return err ?: ainka_governor_add(group->name[ARRAY_SIZE(types)], group->cpu);
}

static int add_group(const struct cpufreq_policy *policy)
{
	struct group *group = kzalloc(sizeof(*group), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!group)
		return -ENOMEM;
	group->cpu = number_of(policy);
	group->there = true;
	for (i = 0; i < ARRAY_SIZE(types); i++)
		group->voted[i] = no_vote[i];
	for (i = 0; i < ARRAY_SIZE(attributes); i++)
		snprintf(group->name[i], NAME_LEN, "cpufreq.policy%u.%s", group->cpu,
			 attributes[i]);
	list_add_tail(&group->node, &groups);
	err = add_tunables(group, policy->cpuinfo.min_freq, policy->cpuinfo.max_freq);
	return err;
}

/**
 * ainka_cpufreq_scan() - register the frequency policies that are not yet
 *
 * Return: 0 or a negative errno.
 */
int ainka_cpufreq_scan(void)
{
	struct cpufreq_policy *policy;
	unsigned int cpu;
	int err = 0;

	mutex_lock(&groups_lock);
	for_each_online_cpu(cpu) {
		policy = cpufreq_cpu_get(cpu);
		if (!policy)
			continue;
		if (!find(number_of(policy)))
			err = add_group(policy);
		cpufreq_cpu_put(policy);
		if (err)
			break;
	}
	mutex_unlock(&groups_lock);
	return err;
}

static int add_absent(void)
{
	static const struct {
		const char *name;
		const char *unit;
		u32 lane;
	} missing[] = {
		{ "cpufreq.policyN.min_freq_khz", "kHz", AINKA_LANE_FAST },
		{ "cpufreq.policyN.max_freq_khz", "kHz", AINKA_LANE_FAST },
		{ "cpufreq.policyN.governor", "choice", AINKA_LANE_SLOW },
	};
	struct ainka_tunable tun = {
		.absent = ABSENT,
		.kind = AINKA_KIND_CPUFREQ,
		.subject = AINKA_SUBJECT_SYSTEM,
		.ops = &vote_ops,
	};
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(missing); i++) {
		tun.name = missing[i].name;
		tun.unit = missing[i].unit;
		tun.lane = missing[i].lane;
		err = ainka_tunable_add(&tun);
	}
	return err;
}

/**
 * ainka_cpufreq_init() - register the frequency policies there are
 *
 * Return: 0 or a negative errno.
 */
int ainka_cpufreq_init(void)
{
	int err;

	/* fails where CPU frequency is disabled: then there are no policies */
	notified = !cpufreq_register_notifier(&policy_nb, CPUFREQ_POLICY_NOTIFIER);
	err = notified ? ainka_cpufreq_scan() : 0;
	if (!err && list_empty(&groups))
		err = add_absent();
	/* more of them than the registry takes: the first ones will do */
	return err == -ENOSPC ? 0 : err;
}

/**
 * ainka_cpufreq_exit() - take the votes back that are still there
 */
void ainka_cpufreq_exit(void)
{
	struct group *group, *tmp;
	unsigned int i;

	if (notified)
		cpufreq_unregister_notifier(&policy_nb, CPUFREQ_POLICY_NOTIFIER);
	notified = false;
	list_for_each_entry_safe(group, tmp, &groups, node) {
		for (i = 0; i < ARRAY_SIZE(types); i++)
			withdraw(group, i);
		list_del(&group->node);
		kfree(group);
	}
}
