// SPDX-License-Identifier: GPL-2.0
/*
 * Pressure stall information of the whole machine. psi_system is not exported
 * and /proc/pressure refuses to be read by the kernel, so the root cgroup's
 * files are read, once a second, and rates are derived from their totals.
 */
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "ainka_core.h"
#include "kfile.h"
#include "machine_state.h"
#include "psi.h"
#include "signals.h"

#define PERIOD_NS NSEC_PER_SEC

static void sample(struct work_struct *work);
static DECLARE_DELAYED_WORK(sampler, sample);
static struct workqueue_struct *queue;

static struct source {
	const char *path;
	u16 some;
	u16 full;	/* AINKA_SIG_NONE where it means nothing */
	u64 some_us;
	u64 full_us;
	u64 time_ns;	/* 0: not read yet */
} sources[] = {
	{ .path = "/sys/fs/cgroup/cpu.pressure", .some = AINKA_SIG_PSI_CPU_SOME_PERMILLE,
	  .full = AINKA_SIG_NONE },
	{ .path = "/sys/fs/cgroup/memory.pressure", .some = AINKA_SIG_PSI_MEMORY_SOME_PERMILLE,
	  .full = AINKA_SIG_PSI_MEMORY_FULL_PERMILLE },
	{ .path = "/sys/fs/cgroup/io.pressure", .some = AINKA_SIG_PSI_IO_SOME_PERMILLE,
	  .full = AINKA_SIG_PSI_IO_FULL_PERMILLE },
};

/**
 * ainka_psi_total() - a total of a pressure file
 * @text: the file
 * @kind: how the line begins, some or full
 * @us: gets the number behind total=
 *
 * Return: 0 or a negative errno.
 */
int ainka_psi_total(const char *text, const char *kind, u64 *us)
{
	const char *line = strstr(text, kind), *total;
	char digits[24];
	size_t n;

	total = line ? strstr(line, "total=") : NULL;
	if (!total)
		return -EINVAL;
	total += strlen("total=");
	n = strspn(total, "0123456789");
	if (n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, total, n);
	digits[n] = '\0';
	return kstrtou64(digits, 10, us);
}

/**
 * ainka_psi_permille() - how much of a time was stalled
 * @now_us: total at its end
 * @then_us: total at its beginning
 * @ns: how long it was
 *
 * Return: thousandths, at most 1000.
 */
u64 ainka_psi_permille(u64 now_us, u64 then_us, u64 ns)
{
	return min_t(u64, 1000, div64_u64((now_us - then_us) * NSEC_PER_USEC * 1000, ns));
}

/* Returns the share of full stall, 0 where there is none. */
static u64 sample_source(struct source *src)
{
	char text[2 * AINKA_KFILE_LEN];
	u64 some_us, full_us = 0, now_ns, full = 0;

	if (ainka_path_read(src->path, text, sizeof(text)) ||
	    ainka_psi_total(text, "some", &some_us)) {
		src->time_ns = 0;
		return 0;
	}
	if (src->full != AINKA_SIG_NONE && ainka_psi_total(text, "full", &full_us)) {
		src->time_ns = 0;
		return 0;
	}
	now_ns = ktime_get_ns();
	if (src->time_ns && now_ns > src->time_ns) {
		u64 ns = now_ns - src->time_ns;

		ainka_signal_set(src->some, ainka_psi_permille(some_us, src->some_us, ns), now_ns);
		full = ainka_psi_permille(full_us, src->full_us, ns);
		if (src->full != AINKA_SIG_NONE)
			ainka_signal_set(src->full, full, now_ns);
	}
	src->some_us = some_us;
	src->full_us = full_us;
	src->time_ns = now_ns;
	return full;
}

static void sample(struct work_struct *work)
{
	u64 stall = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sources); i++)
		stall = max(stall, sample_source(&sources[i]));
	ainka_state_stall(stall, ktime_get_ns());
	queue_delayed_work(queue, &sampler, nsecs_to_jiffies(PERIOD_NS));
}

/**
 * ainka_psi_init() - begin to sample
 *
 * Return: 0 or -ENOMEM. Without PSI or cgroup v2 its signals stay stale.
 */
int ainka_psi_init(void)
{
	queue = alloc_workqueue("ainka_psi", WQ_UNBOUND, 1);
	if (!queue)
		return -ENOMEM;
	queue_delayed_work(queue, &sampler, 0);
	return 0;
}

/**
 * ainka_psi_exit() - stop
 */
void ainka_psi_exit(void)
{
	cancel_delayed_work_sync(&sampler);
	destroy_workqueue(queue);
}
