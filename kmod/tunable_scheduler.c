// SPDX-License-Identifier: GPL-2.0
/*
 * The I/O scheduler of a disk. Switching it sets nr_requests anew, throws the
 * settings of the old one away, and may switch writeback throttling: all that
 * is saved and restored as one. Takes 30 to 150 ms, while the disk stands still.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "choice.h"
#include "disk.h"
#include "saved.h"
#include "tunable_block.h"

#define SCHEDULER	"queue/scheduler"
#define SETTINGS	"queue/iosched"

/*
 * In the order in which they must be restored: mq-deadline derives a setting of
 * its own from nr_requests. A device may lack wbt_lat_usec.
 */
static const char *const coupled[] = { "queue/nr_requests", "queue/wbt_lat_usec" };

static int scheduler_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			  s64 *value)
{
	char text[AINKA_KFILE_LEN];
	struct ainka_disk disk;
	int err = ainka_disk_of(tun, target, &disk) ?: ainka_disk_get(&disk, SCHEDULER, text);

	if (!err)
		*value = ainka_choice_value(tun->bounds.values, text);
	return err;
}

/* Modules are not loaded for a policy: the list of schedulers would be longer ever after. */
static bool offered(const struct ainka_disk *disk, const char *word)
{
	char text[AINKA_KFILE_LEN];

	return !ainka_disk_get(disk, SCHEDULER, text) && ainka_choice_offered(text, word);
}

static int scheduler_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			   s64 value)
{
	char word[AINKA_WORD_LEN];
	struct ainka_disk disk;
	int err = ainka_disk_of(tun, target, &disk);

	if (err)
		return err;
	if (!ainka_choice_word(tun->bounds.values, value, word) || !offered(&disk, word))
		return -ENOENT;
	return ainka_disk_put(&disk, SCHEDULER, word);
}

static int save_settings(const struct ainka_disk *disk, char *saved)
{
	struct ainka_names *names = kmalloc(sizeof(*names), GFP_KERNEL);
	char path[AINKA_KFILE_LEN], text[AINKA_KFILE_LEN];
	unsigned int i;
	int err = 0;

	if (!names)
		return -ENOMEM;
	snprintf(path, sizeof(path), "block/%s/" SETTINGS, disk->name);
	/* none has no settings */
	if (ainka_sys_list(path, names))
		names->n = 0;
	for (i = 0; !err && i < names->n; i++) {
		snprintf(path, sizeof(path), SETTINGS "/%s", names->name[i]);
		if (!ainka_disk_get(disk, path, text))
			err = ainka_saved_put(saved, path, text);
	}
	kfree(names);
	return err;
}

static int scheduler_save(const struct ainka_tunable *tun, const struct ainka_target *target,
			  char *saved)
{
	char text[AINKA_KFILE_LEN];
	struct ainka_disk disk;
	unsigned int i;
	int err;

	saved[0] = '\0';
	err = ainka_disk_of(tun, target, &disk) ?:
	      ainka_disk_get(&disk, SCHEDULER, text) ?:
	      ainka_saved_put(saved, SCHEDULER, ainka_choice_selected(text));
	for (i = 0; !err && i < ARRAY_SIZE(coupled); i++)
		if (!ainka_disk_get(&disk, coupled[i], text))
			err = ainka_saved_put(saved, coupled[i], text);
	return err ?: save_settings(&disk, saved);
}

/* Only what differs is written: a write ends what the kernel does by default. */
static int scheduler_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			     const char *saved)
{
	char name[AINKA_KFILE_LEN], value[AINKA_KFILE_LEN], now[AINKA_KFILE_LEN];
	struct ainka_disk disk;
	int err = ainka_disk_of(tun, target, &disk);

	while (!err && (saved = ainka_saved_next(saved, name, sizeof(name), value,
						 sizeof(value)))) {
		err = ainka_disk_get(&disk, name, now);
		if (!err && strcmp(ainka_choice_selected(now), value))
			err = ainka_disk_put(&disk, name, value);
	}
	return err;
}

/* A disk of which every scheduler that there is can be learned. */
static bool any_disk(struct ainka_disk *disk)
{
	struct ainka_names *names = kmalloc(sizeof(*names), GFP_KERNEL);
	bool found = false;
	unsigned int i;

	if (!names)
		return false;
	if (ainka_sys_list("block", names))
		names->n = 0;
	for (i = 0; !found && i < names->n; i++) {
		strscpy(disk->name, names->name[i], sizeof(disk->name));
		found = !ainka_scheduler_absent(disk->name);
	}
	kfree(names);
	return found;
}

static bool scheduler_refuses(const struct ainka_tunable *tun, s64 value, char *why)
{
	char word[AINKA_WORD_LEN] = "";
	struct ainka_disk disk;

	if (tun->subject == AINKA_SUBJECT_SYSTEM) {
		if (ainka_disk_of(tun, &ainka_target_system, &disk))
			return false;
	} else if (!any_disk(&disk)) {
		return false;
	}
	if (ainka_choice_word(tun->bounds.values, value, word) && offered(&disk, word))
		return false;
	snprintf(why, AINKA_REFUSAL_LEN,
		 "%s is not available; its module is loaded by: modprobe %s%s", word, word,
		 strcmp(word, "bfq") ? "-iosched" : "");
	return true;
}

const struct ainka_tunable_ops ainka_scheduler_ops = {
	.read = scheduler_read,
	.write = scheduler_write,
	.identity = ainka_disk_identity,
	.save = scheduler_save,
	.restore = scheduler_restore,
	.refuses = scheduler_refuses,
};

/**
 * ainka_scheduler_absent() - does a disk take an I/O scheduler?
 * @disk: its name
 *
 * Return: NULL if it does, else why not, in words.
 */
const char *ainka_scheduler_absent(const char *disk)
{
	char path[AINKA_KFILE_LEN], text[AINKA_KFILE_LEN];

	snprintf(path, sizeof(path), "block/%s/" SCHEDULER, disk);
	if (ainka_sys_read(path, text, sizeof(text)) || !strcmp(strim(text), "none"))
		return "this device takes no I/O scheduler";
	return NULL;
}
