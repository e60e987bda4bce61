// SPDX-License-Identifier: GPL-2.0
/*
 * Tunables that are attributes of sysfs holding one number or one word, most of
 * them of memory management. The list is closed; see also tunable_thp.c.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>

#include "choice.h"
#include "kfile.h"
#include "tunable.h"

/* Numbers, in the base that their prefix says. */
static int number_read(const struct ainka_tunable *tun, const struct ainka_target *target,
		       s64 *value)
{
	char text[AINKA_KFILE_LEN];
	int err = ainka_sys_read(tun->arg, text, sizeof(text));

	return err ?: kstrtos64(strim(text), 0, value);
}

static int number_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			s64 value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld\n", value);
	return ainka_sys_write(tun->arg, text);
}

static const struct ainka_tunable_ops number_ops = {
	.read = number_read,
	.write = number_write,
};

/* Flags of module parameters, Y or N. */
static int flag_read(const struct ainka_tunable *tun, const struct ainka_target *target,
		     s64 *value)
{
	char text[AINKA_KFILE_LEN];
	bool flag;
	int err = ainka_sys_read(tun->arg, text, sizeof(text));

	err = err ?: kstrtobool(strim(text), &flag);
	if (!err)
		*value = flag;
	return err;
}

static int flag_write(const struct ainka_tunable *tun, const struct ainka_target *target,
		      s64 value)
{
	return ainka_sys_write(tun->arg, value ? "Y\n" : "N\n");
}

static const struct ainka_tunable_ops flag_ops = {
	.read = flag_read,
	.write = flag_write,
};

/**
 * ainka_sysfs_word() - read an attribute that is one word of several
 * @tun: a tunable whose @arg is the path below the root of sysfs
 * @target: the system
 * @value: gets the number of the word in force, which is in brackets
 *
 * Return: 0 or a negative errno.
 */
int ainka_sysfs_word(const struct ainka_tunable *tun, const struct ainka_target *target,
		     s64 *value)
{
	char text[AINKA_KFILE_LEN];
	int err = ainka_sys_read(tun->arg, text, sizeof(text));

	if (!err)
		*value = ainka_choice_value(tun->bounds.values, text);
	return err;
}

/**
 * ainka_sysfs_put_word() - write an attribute that is one word of several
 * @tun: a tunable whose @arg is the path below the root of sysfs
 * @target: the system
 * @value: number of the word
 *
 * Return: 0 or a negative errno.
 */
int ainka_sysfs_put_word(const struct ainka_tunable *tun, const struct ainka_target *target,
			 s64 value)
{
	char word[AINKA_WORD_LEN];

	if (!ainka_choice_word(tun->bounds.values, value, word))
		return -EINVAL;
	return ainka_sys_write(tun->arg, word);
}

static int word_save(const struct ainka_tunable *tun, const struct ainka_target *target,
		     char *text)
{
	char now[AINKA_KFILE_LEN];
	int err = ainka_sys_read(tun->arg, now, sizeof(now));

	if (!err)
		strscpy(text, ainka_choice_selected(now), AINKA_SAVED_LEN);
	return err;
}

static int word_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			const char *text)
{
	return ainka_sys_write(tun->arg, text);
}

static bool word_refuses(const struct ainka_tunable *tun, s64 value, char *why)
{
	char word[AINKA_WORD_LEN], offered[AINKA_KFILE_LEN];

	if (ainka_sys_read(tun->arg, offered, sizeof(offered)))
		return false;
	if (ainka_choice_takes(tun->bounds.values, value, offered, word))
		return false;
	snprintf(why, AINKA_REFUSAL_LEN, "this kernel offers %s", strim(offered));
	return true;
}

static const struct ainka_tunable_ops word_ops = {
	.read = ainka_sysfs_word,
	.write = ainka_sysfs_put_word,
	.save = word_save,
	.restore = word_restore,
	.refuses = word_refuses,
};

#define ATTRIBUTE_OF(which_lane, words, dotted, path, unit_name, lowest, highest, operations, \
		     ...) {						\
	.name = dotted,							\
	.arg = path,							\
	.unit = unit_name,						\
	.bounds = { .min = lowest, .max = highest, .values = words },	\
	.kind = AINKA_KIND_SYSFS,					\
	.subject = AINKA_SUBJECT_SYSTEM,				\
	.lane = which_lane,						\
	.ops = &(operations),						\
	__VA_ARGS__							\
}

#define ATTRIBUTE(...)	ATTRIBUTE_OF(AINKA_LANE_FAST, NULL, __VA_ARGS__)
#define SLOW(...)	ATTRIBUTE_OF(AINKA_LANE_SLOW, NULL, __VA_ARGS__)
#define WORDS(...)	ATTRIBUTE_OF(AINKA_LANE_FAST, __VA_ARGS__)

#define THP	"kernel/mm/transparent_hugepage/"
#define ZSWAP	"module/zswap/parameters/"

static const struct ainka_tunable attributes[] = {
	WORDS("never=0 madvise=1 defer+madvise=2 defer=3 always=4",
	      "thp.defrag", THP "defrag", "choice", 0, 4, word_ops),
	ATTRIBUTE("khugepaged.defrag", THP "khugepaged/defrag", "flag", 0, 1, number_ops),
	ATTRIBUTE("khugepaged.pages_to_scan", THP "khugepaged/pages_to_scan", "pages",
		  16, 1048576, number_ops),
	ATTRIBUTE("khugepaged.scan_sleep_ms", THP "khugepaged/scan_sleep_millisecs", "ms",
		  10, 3600000, number_ops),
	ATTRIBUTE("khugepaged.alloc_sleep_ms", THP "khugepaged/alloc_sleep_millisecs", "ms",
		  10, 3600000, number_ops),
	ATTRIBUTE("khugepaged.max_ptes_none", THP "khugepaged/max_ptes_none", "pages",
		  0, 511, number_ops),
	ATTRIBUTE("khugepaged.max_ptes_swap", THP "khugepaged/max_ptes_swap", "pages",
		  0, 511, number_ops),
	ATTRIBUTE("khugepaged.max_ptes_shared", THP "khugepaged/max_ptes_shared", "pages",
		  0, 511, number_ops),
	/* moves every page between the lists */
	SLOW("lru_gen.enabled", "kernel/mm/lru_gen/enabled", "mask", 0, 7, number_ops,
	     .note = "the age of pages is not kept; the kernel masks what the CPU lacks"),
	ATTRIBUTE("lru_gen.min_ttl_ms", "kernel/mm/lru_gen/min_ttl_ms", "ms", 0, 60000,
		  number_ops),
	/* the first time, sets up the pool */
	SLOW("zswap.enabled", ZSWAP "enabled", "flag", 0, 1, flag_ops,
	     .note = "what is in the pool stays there until it is swapped in"),
	ATTRIBUTE("zswap.max_pool_percent", ZSWAP "max_pool_percent", "percent", 1, 60,
		  number_ops),
	ATTRIBUTE("zswap.accept_threshold_percent", ZSWAP "accept_threshold_percent", "percent",
		  1, 100, number_ops),
	ATTRIBUTE("zswap.shrinker_enabled", ZSWAP "shrinker_enabled", "flag", 0, 1, flag_ops),
};

/**
 * ainka_sysfs_init() - register the attributes, those that are missing as absent
 *
 * Return: 0 or a negative errno.
 */
int ainka_sysfs_init(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(attributes); i++) {
		struct ainka_tunable tun = attributes[i];

		err = ainka_tunable_probe(&tun, "this kernel has no such attribute in sysfs");
	}
	return err;
}
