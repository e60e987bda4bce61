// SPDX-License-Identifier: GPL-2.0
/*
 * CPU frequency: the governor. What a governor is set to is gone when another
 * one takes over, so it is saved and restored with it.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "choice.h"
#include "kfile.h"
#include "saved.h"
#include "tunable.h"
#include "tunable_cpufreq.h"

#define CPUFREQ "devices/system/cpu/cpufreq/"
#define SETTING "setting."
#define GOVERNORS \
	"performance=0 powersave=1 userspace=2 ondemand=3 conservative=4 schedutil=5"

/* Attributes of the policy itself that change with the governor; drivers may lack them. */
static const char *const coupled[] = { "scaling_setspeed", "energy_performance_preference" };

static int read_attribute(u32 number, const char *name, char *text)
{
	char path[AINKA_KFILE_LEN];

	snprintf(path, sizeof(path), CPUFREQ "policy%u/%s", number, name);
	return ainka_sys_read(path, text, AINKA_KFILE_LEN);
}

static int write_attribute(u32 number, const char *name, const char *text)
{
	char path[AINKA_KFILE_LEN];

	snprintf(path, sizeof(path), CPUFREQ "policy%u/%s", number, name);
	return ainka_sys_write(path, text);
}

/* The folder with the settings of a governor: the policy's own, or one for all policies. */
static int settings_folder(u32 number, const char *governor, struct ainka_names *names,
			   char *path)
{
	snprintf(path, AINKA_KFILE_LEN, CPUFREQ "policy%u/%s", number, governor);
	if (!ainka_sys_list(path, names))
		return 0;
	snprintf(path, AINKA_KFILE_LEN, CPUFREQ "%s", governor);
	return ainka_sys_list(path, names);
}

static int governor_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			 s64 *value)
{
	char text[AINKA_KFILE_LEN];
	int err = read_attribute(tun->id, "scaling_governor", text);

	if (!err)
		*value = ainka_choice_value(tun->bounds.values, text);
	return err;
}

/* As with congestion control, modules are not loaded for a policy. */
static bool governor_refuses(const struct ainka_tunable *tun, s64 value, char *why)
{
	char word[AINKA_WORD_LEN], offered[AINKA_KFILE_LEN];

	if (read_attribute(tun->id, "scaling_available_governors", offered))
		return false;
	if (ainka_choice_takes(tun->bounds.values, value, offered, word))
		return false;
	snprintf(why, AINKA_REFUSAL_LEN, "there are %s; others may be modules to be loaded first",
		 strim(offered));
	return true;
}

static int governor_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			  s64 value)
{
	char word[AINKA_WORD_LEN], why[AINKA_REFUSAL_LEN];

	if (governor_refuses(tun, value, why) ||
	    !ainka_choice_word(tun->bounds.values, value, word))
		return -ENOENT;
	return write_attribute(tun->id, "scaling_governor", word);
}

static int save_settings(u32 number, const char *governor, char *text)
{
	struct ainka_names *names = kmalloc(sizeof(*names), GFP_KERNEL);
	char folder[AINKA_KFILE_LEN], path[AINKA_KFILE_LEN + AINKA_FILE_NAME_LEN];
	char name[AINKA_KFILE_LEN], value[AINKA_KFILE_LEN];
	unsigned int i;
	int err = 0;

	if (!names)
		return -ENOMEM;
	/* some governors have no settings */
	if (settings_folder(number, governor, names, folder))
		names->n = 0;
	for (i = 0; !err && i < names->n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names->name[i]);
		snprintf(name, sizeof(name), SETTING "%s", names->name[i]);
		if (!ainka_sys_read(path, value, sizeof(value)))
			err = ainka_saved_put(text, name, value);
	}
	kfree(names);
	return err;
}

static int governor_save(const struct ainka_tunable *tun, const struct ainka_target *target,
			 char *text)
{
	char governor[AINKA_KFILE_LEN], value[AINKA_KFILE_LEN];
	unsigned int i;
	int err;

	text[0] = '\0';
	err = read_attribute(tun->id, "scaling_governor", governor);
	if (!err)
		err = ainka_saved_put(text, "scaling_governor", governor);
	for (i = 0; !err && i < ARRAY_SIZE(coupled); i++)
		if (!read_attribute(tun->id, coupled[i], value) && value[0] != '<')
			err = ainka_saved_put(text, coupled[i], value);
	return err ?: save_settings(tun->id, strim(governor), text);
}

/* Write what differs: some refuse to be written, or do more than be set, even to the same. */
static int put_setting(u32 number, const char *governor, const char *name, const char *value)
{
	char path[AINKA_KFILE_LEN], now[AINKA_KFILE_LEN];

	if (strncmp(name, SETTING, strlen(SETTING))) {
		if (read_attribute(number, name, now) || !strcmp(strim(now), value))
			return 0;
		return write_attribute(number, name, value);
	}
	name += strlen(SETTING);
	snprintf(path, sizeof(path), CPUFREQ "policy%u/%s/%s", number, governor, name);
	if (ainka_sys_read(path, now, sizeof(now))) {
		snprintf(path, sizeof(path), CPUFREQ "%s/%s", governor, name);
		if (ainka_sys_read(path, now, sizeof(now)))
			return 0;
	}
	return strcmp(strim(now), value) ? ainka_sys_write(path, value) : 0;
}

static int governor_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			    const char *text)
{
	char name[AINKA_KFILE_LEN], value[AINKA_KFILE_LEN], governor[AINKA_KFILE_LEN];
	int err = 0;

	if (!ainka_saved_get(text, "scaling_governor", governor, sizeof(governor)))
		return -EINVAL;
	while (!err && (text = ainka_saved_next(text, name, sizeof(name), value, sizeof(value))))
		err = put_setting(tun->id, governor, name, value);
	return err;
}

static const struct ainka_tunable_ops governor_ops = {
	.read = governor_read,
	.write = governor_write,
	.identity = ainka_cpufreq_identity,
	.save = governor_save,
	.restore = governor_restore,
	.refuses = governor_refuses,
};

/**
 * ainka_governor_add() - register the governor of a frequency policy
 * @name: name of the tunable, which lives as long as the registry
 * @number: number of the policy
 *
 * Return: 0 or a negative errno.
 */
int ainka_governor_add(const char *name, u32 number)
{
	struct ainka_tunable tun = {
		.name = name,
		.unit = "choice",
		.bounds = {
			.min = 0,
			.max = 5,
			.values = GOVERNORS,
		},
		.kind = AINKA_KIND_CPUFREQ,
		.subject = AINKA_SUBJECT_SYSTEM,
		.lane = AINKA_LANE_SLOW,
		.ops = &governor_ops,
		.id = number,
	};

	return ainka_tunable_add(&tun);
}
