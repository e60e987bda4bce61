// SPDX-License-Identifier: GPL-2.0
/*
 * Transparent huge pages. Switching them on or off makes the kernel compute
 * min_free_kbytes anew, which an administrator may have set: both are saved and
 * restored as one.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "choice.h"
#include "kfile.h"
#include "saved.h"
#include "tunable.h"

#define ENABLED		"kernel/mm/transparent_hugepage/enabled"
#define MIN_FREE	"sys/vm/min_free_kbytes"

static int thp_save(const struct ainka_tunable *tun, const struct ainka_target *target,
		    char *text)
{
	char now[AINKA_KFILE_LEN];

	text[0] = '\0';
	return ainka_sys_read(ENABLED, now, sizeof(now)) ?:
	       ainka_saved_put(text, "enabled", ainka_choice_selected(now)) ?:
	       ainka_proc_read(MIN_FREE, now, sizeof(now)) ?:
	       ainka_saved_put(text, "min_free_kbytes", now);
}

static int thp_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
		       const char *text)
{
	char value[AINKA_KFILE_LEN], now[AINKA_KFILE_LEN];
	int err;

	if (!ainka_saved_get(text, "enabled", value, sizeof(value)))
		return -EINVAL;
	err = ainka_sys_write(ENABLED, value) ?: ainka_proc_read(MIN_FREE, now, sizeof(now));
	if (err || !ainka_saved_get(text, "min_free_kbytes", value, sizeof(value)))
		return err;
	/* writing it, even the same, ends its being computed */
	return strcmp(strim(now), value) ? ainka_proc_write(MIN_FREE, value) : 0;
}

static const struct ainka_tunable_ops thp_ops = {
	.read = ainka_sysfs_word,
	.write = ainka_sysfs_put_word,
	.save = thp_save,
	.restore = thp_restore,
};

/**
 * ainka_thp_init() - register transparent huge pages
 *
 * Return: 0 or a negative errno.
 */
int ainka_thp_init(void)
{
	struct ainka_tunable tun = {
		.name = "thp.enabled",
		.unit = "choice",
		.arg = ENABLED,
		.note = "with vm.min_free_kbytes, which the kernel computes anew",
		.bounds = { .min = 0, .max = 2, .values = "never=0 madvise=1 always=2" },
		.kind = AINKA_KIND_SYSFS,
		.subject = AINKA_SUBJECT_SYSTEM,
		/* starts and stops khugepaged */
		.lane = AINKA_LANE_SLOW,
		.ops = &thp_ops,
	};

	return ainka_tunable_probe(&tun, "this kernel has no transparent huge pages");
}
