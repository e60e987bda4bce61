// SPDX-License-Identifier: GPL-2.0
/* Module parameters. Those that can change are checked when they are written. */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/capability.h>
#include <linux/kstrtox.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "engine.h"
#include "params.h"

unsigned int ainka_emergency_threshold = 900;
bool ainka_learning_mode = true;
unsigned int ainka_max_policies = 64;
unsigned int ainka_tick_us = 10000;
unsigned int ainka_ring_kib = 256;
unsigned int ainka_lease_ms = 5000;
bool ainka_enforce = true;
bool ainka_debug;
bool ainka_record_inputs;
unsigned int ainka_park_turns = 10;

static char ainka_protect[256] =
	"systemd,systemd-journal,systemd-udevd,systemd-logind,dbus-daemon,sshd,ainkactl";

struct uint_range {
	unsigned int *value;
	unsigned int min;
	unsigned int max;
};

static int uint_set(const char *text, const struct kernel_param *kp)
{
	const struct uint_range *range = kp->arg;
	unsigned int value;
	int err;

	/* A door like any other: the file's mode is not enough in a container. */
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	err = kstrtouint(text, 0, &value);
	if (!err && (value < range->min || value > range->max))
		err = -ERANGE;
	if (err) {
		pr_err("parameter %s: \"%s\" is not a number from %u to %u\n",
		       kp->name, strim((char *)text), range->min, range->max);
		return err;
	}
	WRITE_ONCE(*range->value, value);
	ainka_engine_kick();
	return 0;
}

static int uint_get(char *buffer, const struct kernel_param *kp)
{
	const struct uint_range *range = kp->arg;

	return sprintf(buffer, "%u\n", READ_ONCE(*range->value));
}

static const struct kernel_param_ops uint_ops = { .set = uint_set, .get = uint_get };

static int flag_set(const char *text, const struct kernel_param *kp)
{
	bool value;
	int err;

	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	/* a flag given without a value means yes, as for every module */
	err = text ? kstrtobool(text, &value) : 0;
	if (err) {
		pr_err("parameter %s: \"%s\" is not a boolean (0 or 1)\n", kp->name,
		       strim((char *)text));
		return err;
	}
	WRITE_ONCE(*(bool *)kp->arg, text ? value : true);
	ainka_engine_kick();
	return 0;
}

static const struct kernel_param_ops flag_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = flag_set,
	.get = param_get_bool,
};

#define RANGE(name, lowest, highest) \
	static struct uint_range name##_range = { &ainka_##name, lowest, highest }

RANGE(emergency_threshold, 0, 1000000);
RANGE(max_policies, 1, AINKA_MAX_POLICIES);
RANGE(tick_us, 1000, 1000000);
RANGE(ring_kib, 16, 65536);
RANGE(lease_ms, 1000, 600000);
RANGE(park_turns, 1, 1000000);

module_param_cb(emergency_threshold, &uint_ops, &emergency_threshold_range, 0644);
MODULE_PARM_DESC(emergency_threshold,
		 "permille of full memory or I/O stall that means emergency; above 1000 never (900)");
module_param_cb(learning_mode, &flag_ops, &ainka_learning_mode, 0644);
__MODULE_PARM_TYPE(learning_mode, "bool");
MODULE_PARM_DESC(learning_mode, "experiments of the learner may run (1)");
module_param_cb(max_policies, &uint_ops, &max_policies_range, 0444);
MODULE_PARM_DESC(max_policies, "size of the policy table (64)");
module_param_cb(tick_us, &uint_ops, &tick_us_range, 0644);
MODULE_PARM_DESC(tick_us, "microseconds between evaluations (10000)");
module_param_cb(ring_kib, &uint_ops, &ring_kib_range, 0444);
MODULE_PARM_DESC(ring_kib, "size of each CPU's ring of decisions in KiB (256)");
module_param_cb(lease_ms, &uint_ops, &lease_ms_range, 0644);
MODULE_PARM_DESC(lease_ms, "longest lease of the learner in milliseconds (5000)");
module_param_cb(park_turns, &uint_ops, &park_turns_range, 0644);
MODULE_PARM_DESC(park_turns,
		 "changes of direction of one tunable in a minute that a policy may make (10)");
module_param_cb(enforce, &flag_ops, &ainka_enforce, 0644);
__MODULE_PARM_TYPE(enforce, "bool");
MODULE_PARM_DESC(enforce, "policies may write tunables (1)");
module_param_cb(debug, &flag_ops, &ainka_debug, 0644);
__MODULE_PARM_TYPE(debug, "bool");
MODULE_PARM_DESC(debug, "log every decision (0)");
module_param_cb(record, &flag_ops, &ainka_record_inputs, 0644);
__MODULE_PARM_TYPE(record, "bool");
MODULE_PARM_DESC(record, "put what every evaluation sees into the ring, for replay (0)");
module_param_string(protect, ainka_protect, sizeof(ainka_protect), 0444);
MODULE_PARM_DESC(protect, "command names whose tasks are never changed, comma separated");

/* The parameters that /proc/ainka can change while the module runs. */
static const struct {
	const char *name;
	const struct kernel_param_ops *ops;
	void *arg;
} runtime[] = {
	{ "emergency_threshold", &uint_ops, &emergency_threshold_range },
	{ "tick_us", &uint_ops, &tick_us_range },
	{ "lease_ms", &uint_ops, &lease_ms_range },
	{ "park_turns", &uint_ops, &park_turns_range },
	{ "learning_mode", &flag_ops, &ainka_learning_mode },
	{ "enforce", &flag_ops, &ainka_enforce },
	{ "debug", &flag_ops, &ainka_debug },
	{ "record", &flag_ops, &ainka_record_inputs },
};

/**
 * ainka_param_set() - set a parameter by name, as config_update does
 * @name: name of a parameter that can change at run time
 * @value: text of its value
 *
 * Return: 0, -ENOENT for another name, or what the parameter says of the value.
 */
int ainka_param_set(const char *name, const char *value)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(runtime); i++) {
		struct kernel_param kp = { .name = runtime[i].name, .arg = runtime[i].arg };

		if (!strcmp(name, runtime[i].name))
			return runtime[i].ops->set(value, &kp);
	}
	return -ENOENT;
}

/**
 * ainka_param_protects() - is a command name in the list of protected ones?
 * @comm: command name of a task
 *
 * Return: true if tasks of this name are never changed.
 */
bool ainka_param_protects(const char *comm)
{
	size_t len = strlen(comm);
	const char *p = ainka_protect;

	while (*p) {
		size_t n = strcspn(p, ",");

		if (n == len && !strncmp(p, comm, n))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}
