// SPDX-License-Identifier: GPL-2.0
/*
 * The I/O priority of a task. A value counts from the best to the worst class:
 * rt0 to rt7 are -8 to -1 and only read, none is 0, be0 to be7 are 1 to 8, idle
 * is 9. What user space has set may have more in it than these (hints, a level of
 * class idle), so the whole number is saved and restored as text.
 */
#include <linux/errno.h>
#include <linux/iocontext.h>
#include <linux/ioprio.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "tunable.h"

#define LEVELS	8
#define IDLE	(LEVELS + 1)

#define NAMES	"none=0 be0=1 be1=2 be2=3 be3=4 be4=5 be5=6 be6=7 be7=8 idle=9 "	\
		"rt0=-8 rt1=-7 rt2=-6 rt3=-5 rt4=-4 rt5=-3 rt6=-2 rt7=-1"

static int present(struct task_struct *task)
{
	int ioprio = 0;

	task_lock(task);
	if (task->io_context)
		ioprio = task->io_context->ioprio;
	task_unlock(task);
	return ioprio;
}

static int ioprio_read(const struct ainka_tunable *tun, const struct ainka_target *target,
		       s64 *value)
{
	int ioprio = present(target->task);
	int level = ioprio & (LEVELS - 1);

	switch (IOPRIO_PRIO_CLASS(ioprio)) {
	case IOPRIO_CLASS_RT:
		*value = level - LEVELS;
		return 0;
	case IOPRIO_CLASS_BE:
		*value = level + 1;
		return 0;
	case IOPRIO_CLASS_IDLE:
		*value = IDLE;
		return 0;
	default:
		*value = 0;
		return 0;
	}
}

static int ioprio_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			s64 value)
{
	int ioprio = 0;

	if (value == IDLE)
		ioprio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0);
	else if (value)
		ioprio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, value - 1);
	return set_task_ioprio(target->task, ioprio);
}

static int ioprio_save(const struct ainka_tunable *tun, const struct ainka_target *target,
		       char *text)
{
	snprintf(text, AINKA_SAVED_LEN, "%d", present(target->task));
	return 0;
}

static int ioprio_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			  const char *text)
{
	int ioprio, err = kstrtoint(text, 10, &ioprio);

	return err ?: set_task_ioprio(target->task, ioprio);
}

static const struct ainka_tunable_ops ioprio_ops = {
	.read = ioprio_read,
	.write = ioprio_write,
	.save = ioprio_save,
	.restore = ioprio_restore,
};

/**
 * ainka_ioprio_init() - register task.ioprio
 *
 * Return: 0 or a negative errno.
 */
int ainka_ioprio_init(void)
{
	const struct ainka_tunable tun = {
		.name = "task.ioprio",
		.unit = "ioprio",
		.bounds = { .min = 0, .max = IDLE, .values = NAMES },
		.kind = AINKA_KIND_TASK,
		.subject = AINKA_SUBJECT_TASK,
		.lane = AINKA_LANE_FAST,
		.ops = &ioprio_ops,
	};

	return ainka_tunable_add(&tun);
}
