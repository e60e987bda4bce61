// SPDX-License-Identifier: GPL-2.0
/*
 * Tunables of a cgroup: attributes of version 2. Where "max" means no limit, it
 * is the largest number there is, so that it can be compared like any other.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/threads.h>

#include "cgroup.h"
#include "kfile.h"
#include "tunable.h"

#define NO_LIMIT	S64_MAX
#define NAMED_MAX	"max=9223372036854775807"

/* Below this nothing a service does fits into memory, and it only thrashes. */
#define MEMORY_MIN	(16LL << 20)
/* A shell and what it starts: somebody who is inside can still act. */
#define PIDS_MIN	8
/* With less, what holds a lock takes too long to let go of it, and a kill to arrive. */
#define CPU_MIN		5

/* Cgroups that are asked whether they have an attribute, when the module is loaded. */
#define SAMPLE_MAX	32

/* ---- numbers, and limits that may be max ---- */

static int number_read(const struct ainka_tunable *tun, const struct ainka_target *target,
		       s64 *value)
{
	char text[AINKA_KFILE_LEN];
	u64 number;
	int err;

	err = ainka_cgroup_read(target->cgroup, tun->arg, text, sizeof(text));
	if (err)
		return err;
	if (!strcmp(strim(text), "max")) {
		*value = NO_LIMIT;
		return 0;
	}
	err = kstrtou64(strim(text), 10, &number);
	*value = min_t(u64, number, NO_LIMIT);
	return err;
}

static int number_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			s64 value)
{
	char text[24];

	if (value == NO_LIMIT)
		strscpy(text, "max\n", sizeof(text));
	else
		snprintf(text, sizeof(text), "%lld\n", value);
	return ainka_cgroup_write(target->cgroup, tun->arg, text);
}

static const struct ainka_tunable_ops number_ops = {
	.read = number_read,
	.write = number_write,
};

/* No limit is reached at once; the kernel takes no number this large. */
static s64 pids_limit(const struct ainka_tunable *tun, const struct ainka_target *target,
		      s64 baseline, s64 present, s64 value)
{
	return value >= PID_MAX_LIMIT ? NO_LIMIT : value;
}

static const struct ainka_tunable_ops pids_ops = {
	.read = number_read,
	.write = number_write,
	.limit = pids_limit,
};

/*
 * Lowering memory.high reclaims what is above it before the write returns, and
 * holds the tasks up that allocate meanwhile. So one write takes at most half of
 * what is in use; the next one follows when that has been given back. A step of
 * less than an eighth is not made: what is still in use cannot be reclaimed.
 */
static s64 high_limit(const struct ainka_tunable *tun, const struct ainka_target *target,
		      s64 baseline, s64 present, s64 value)
{
	char text[AINKA_KFILE_LEN];
	s64 usage;

	if (value > (s64)(totalram_pages() << PAGE_SHIFT))
		return NO_LIMIT;
	if (value >= present ||
	    ainka_cgroup_read(target->cgroup, "memory.current", text, sizeof(text)) ||
	    kstrtos64(strim(text), 10, &usage) || value >= usage / 2)
		return value;
	return usage / 2 < present - present / 8 ? usage / 2 : present;
}

static const struct ainka_tunable_ops high_ops = {
	.read = number_read,
	.write = number_write,
	.limit = high_limit,
};

/* ---- cpu.max: quota and period ---- */

static int cpu_max_parts(const struct ainka_target *target, char *quota, u64 *period)
{
	char text[AINKA_KFILE_LEN];
	int err = ainka_cgroup_read(target->cgroup, "cpu.max", text, sizeof(text));

	if (err)
		return err;
	return sscanf(text, "%23s %llu", quota, period) == 2 && *period ? 0 : -EIO;
}

/* Percent of one CPU; no limit is all of them. */
static int cpu_max_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			s64 *value)
{
	char quota[24];
	u64 us, period;
	int err = cpu_max_parts(target, quota, &period);

	if (err)
		return err;
	*value = tun->bounds.max;
	if (!strcmp(quota, "max"))
		return 0;
	err = kstrtou64(quota, 10, &us);
	if (!err)
		*value = div64_u64(us * 100, period);
	return err;
}

static int cpu_max_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			 s64 value)
{
	char quota[24], text[48];
	u64 period;
	int err = cpu_max_parts(target, quota, &period);

	if (err)
		return err;
	if (value == tun->bounds.max)
		snprintf(text, sizeof(text), "max %llu\n", period);
	else
		snprintf(text, sizeof(text), "%llu %llu\n", div_u64(value * period, 100), period);
	return ainka_cgroup_write(target->cgroup, "cpu.max", text);
}

static int cpu_max_save(const struct ainka_tunable *tun, const struct ainka_target *target,
			char *text)
{
	return ainka_cgroup_read(target->cgroup, "cpu.max", text, AINKA_SAVED_LEN);
}

static int cpu_max_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			   const char *text)
{
	return ainka_cgroup_write(target->cgroup, "cpu.max", text);
}

static const struct ainka_tunable_ops cpu_max_ops = {
	.read = cpu_max_read,
	.write = cpu_max_write,
	.save = cpu_max_save,
	.restore = cpu_max_restore,
};

/* ---- io.weight: that of all devices that have none of their own ---- */

static int io_weight_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			  s64 *value)
{
	char text[AINKA_KFILE_LEN];
	int err = ainka_cgroup_read(target->cgroup, tun->arg, text, sizeof(text));

	if (err)
		return err;
	return sscanf(text, "default %lld", value) == 1 ? 0 : -EIO;
}

static int io_weight_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			   s64 value)
{
	char text[32];

	snprintf(text, sizeof(text), "default %lld\n", value);
	return ainka_cgroup_write(target->cgroup, tun->arg, text);
}

static const struct ainka_tunable_ops io_weight_ops = {
	.read = io_weight_read,
	.write = io_weight_write,
};

/* ---- the registry ---- */

#define ATTRIBUTE(file, unit_name, lowest, highest, names, how, which_lane) {	\
	.name = "cgroup." file,							\
	.unit = unit_name,							\
	.bounds = { .min = lowest, .max = highest, .values = names },		\
	.kind = AINKA_KIND_CGROUP,						\
	.subject = AINKA_SUBJECT_CGROUP,					\
	.lane = which_lane,							\
	.ops = how,								\
}

static const struct ainka_tunable attributes[] = {
	ATTRIBUTE("memory.high", "bytes", MEMORY_MIN, NO_LIMIT, NAMED_MAX, &high_ops,
		  AINKA_LANE_SLOW),
	ATTRIBUTE("memory.low", "bytes", 0, 0, NULL, &number_ops, AINKA_LANE_FAST),
	ATTRIBUTE("cpu.weight", "weight", 1, 10000, NULL, &number_ops, AINKA_LANE_FAST),
	ATTRIBUTE("cpu.max", "percent", CPU_MIN, 0, NULL, &cpu_max_ops, AINKA_LANE_SLOW),
	ATTRIBUTE("io.weight", "weight", 1, 10000, NULL, &io_weight_ops, AINKA_LANE_FAST),
	ATTRIBUTE("pids.max", "count", PIDS_MIN, NO_LIMIT, NAMED_MAX, &pids_ops,
		  AINKA_LANE_FAST),
	{
		.name = "cgroup.freeze",
		.unit = "flag",
		.bounds = { .min = 0, .max = 1, .values = "thawed=0 frozen=1" },
		.kind = AINKA_KIND_CGROUP,
		.subject = AINKA_SUBJECT_CGROUP,
		.lane = AINKA_LANE_FAST,
		.ops = &number_ops,
	},
};

/* Does a cgroup have the controller that an attribute belongs to? The core always. */
static bool has_controller(struct cgroup *cgrp, const char *attribute)
{
	size_t len = strcspn(attribute, ".");
	char text[AINKA_KFILE_LEN], *rest = text, *word;

	if (!strncmp(attribute, "cgroup.", len + 1))
		return true;
	if (ainka_cgroup_read(cgrp, "cgroup.controllers", text, sizeof(text)))
		return false;
	while ((word = strsep(&rest, "\n ")))
		if (strlen(word) == len && !strncmp(word, attribute, len))
			return true;
	return false;
}

/**
 * ainka_cgroup_lacks() - does this machine not have an attribute of cgroups?
 * @attribute: for instance memory.high; what is before the dot is the controller
 *
 * A cgroup that has the controller is asked. Where no cgroup has it yet, nobody
 * knows, and a policy that needs it will be told.
 *
 * Return: NULL, or why not, in words.
 */
const char *ainka_cgroup_lacks(const char *attribute)
{
	struct cgroup *root = &cgrp_dfl_root.cgrp;
	struct ainka_target target;
	char text[AINKA_KFILE_LEN];
	u64 ids[SAMPLE_MAX];
	u32 n, i;
	int err;

	if (ainka_cgroup_read(root, "cgroup.controllers", text, sizeof(text)))
		return "cgroup version 2 is not mounted at /sys/fs/cgroup";
	if (!has_controller(root, attribute))
		return "its controller is not in the kernel, or used by cgroup version 1";
	n = ainka_cgroup_list(ids, SAMPLE_MAX);
	for (i = 0; i < n; i++) {
		bool has;

		if (!ainka_cgroup_get(ids[i], &target))
			continue;
		has = has_controller(target.cgroup, attribute);
		if (has)
			err = ainka_cgroup_read(target.cgroup, attribute, text, sizeof(text));
		cgroup_put(target.cgroup);
		if (has)
			return err == -EOPNOTSUPP ? "this kernel has no such attribute" : NULL;
	}
	return NULL;
}

/**
 * ainka_cgroup_init() - register the tunables of cgroups
 *
 * Return: 0 or a negative errno.
 */
int ainka_cgroup_init(void)
{
	static char cpus[24];	/* lives as long as the registry */
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(attributes); i++) {
		struct ainka_tunable tun = attributes[i];

		/* the names of the core's attributes begin like those of our tunables */
		tun.arg = strcmp(tun.name, "cgroup.freeze") ? tun.name + strlen("cgroup.") :
							      tun.name;
		if (tun.ops == &cpu_max_ops) {
			tun.bounds.max = 100LL * num_possible_cpus();
			snprintf(cpus, sizeof(cpus), "max=%lld", tun.bounds.max);
			tun.bounds.values = cpus;
		} else if (!strcmp(tun.arg, "memory.low")) {
			/* to protect more leaves nothing that could be reclaimed for others */
			tun.bounds.max = (s64)totalram_pages() << PAGE_SHIFT >> 1;
		}
		tun.absent = ainka_cgroup_lacks(tun.arg);
		err = ainka_tunable_add(&tun);
	}
	return err;
}
