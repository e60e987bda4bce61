// SPDX-License-Identifier: GPL-2.0
/*
 * What one cgroup says of itself: number of tasks, memory and pressure in its
 * files, run delays in its BPF record.
 */
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/string.h>

#include "cgroup.h"
#include "cgroup_files.h"
#include "maps.h"
#include "psi.h"

#define TEXT_LEN	512

/* The pressure files; of each the lines some and full. */
static const struct source {
	const char *file;
	u16 some;
	u16 full;
} sources[AINKA_CGROUP_PRESSURES] = {
	{ "cpu.pressure", AINKA_SIG_CGROUP_PSI_CPU_SOME_PERMILLE,
	  AINKA_SIG_CGROUP_PSI_CPU_FULL_PERMILLE },
	{ "memory.pressure", AINKA_SIG_CGROUP_PSI_MEMORY_SOME_PERMILLE,
	  AINKA_SIG_CGROUP_PSI_MEMORY_FULL_PERMILLE },
	{ "io.pressure", AINKA_SIG_CGROUP_PSI_IO_SOME_PERMILLE,
	  AINKA_SIG_CGROUP_PSI_IO_FULL_PERMILLE },
};

/* Of the one worker that reads, too large for its stack. */
static char text[TEXT_LEN];
static struct ainka_cgroup_rec rec;
static u32 diff[AINKA_CGROUP_BUCKETS];

static void set(struct ainka_cgroup_files *files, u16 signal, s64 value, u64 now_ns)
{
	files->val[AINKA_SIG_INDEX(signal)] = value;
	files->time_ns[AINKA_SIG_INDEX(signal)] = now_ns;
}

static int number(struct cgroup *cgrp, const char *file, s64 *value)
{
	return ainka_cgroup_read(cgrp, file, text, sizeof(text)) ?:
	       kstrtos64(strim(text), 10, value);
}

static void read_number(struct ainka_cgroup_files *files, struct cgroup *cgrp, const char *file,
			u16 signal)
{
	s64 value;

	if (!number(cgrp, file, &value))
		set(files, signal, value, ktime_get_ns());
}

static void read_oom(struct ainka_cgroup_files *files, struct cgroup *cgrp)
{
	const char *line;
	s64 value;

	if (ainka_cgroup_read(cgrp, "memory.events", text, sizeof(text)))
		return;
	line = strstr(text, "oom_kill ");
	if (line && sscanf(line, "oom_kill %lld", &value) == 1)
		set(files, AINKA_SIG_CGROUP_OOM_KILLS, value, ktime_get_ns());
}

static void read_psi(struct ainka_cgroup_files *files, struct cgroup *cgrp, unsigned int i)
{
	u64 some_us, full_us, now_ns, then_ns = files->psi[i].time_ns;

	files->psi[i].time_ns = 0;
	if (ainka_cgroup_read(cgrp, sources[i].file, text, sizeof(text)) ||
	    ainka_psi_total(text, "some", &some_us) || ainka_psi_total(text, "full", &full_us))
		return;
	now_ns = ktime_get_ns();
	if (then_ns && now_ns > then_ns) {
		u64 ns = now_ns - then_ns;

		set(files, sources[i].some,
		    ainka_psi_permille(some_us, files->psi[i].some_us, ns), now_ns);
		set(files, sources[i].full,
		    ainka_psi_permille(full_us, files->psi[i].full_us, ns), now_ns);
	}
	files->psi[i].some_us = some_us;
	files->psi[i].full_us = full_us;
	files->psi[i].time_ns = now_ns;
}

/* Without a run in between there is no delay to tell of, and the signals grow stale. */
static void set_delays(struct ainka_cgroup_files *files)
{
	u64 n = rec.delays - files->delays, now_ns = ktime_get_ns();
	unsigned int i;

	if (files->seq != rec.seq || !n)
		return;
	for (i = 0; i < AINKA_CGROUP_BUCKETS; i++)
		diff[i] = rec.delay_hist[i] - files->delay_hist[i];
	set(files, AINKA_SIG_CGROUP_RUN_DELAY_MEAN_US,
	    div64_u64(rec.delay_ns - files->delay_ns, n * NSEC_PER_USEC), now_ns);
	set(files, AINKA_SIG_CGROUP_RUN_DELAY_P99_US,
	    div_u64(ainka_hist_percentile_wide(diff, AINKA_CGROUP_BUCKETS, 990),
		    NSEC_PER_USEC), now_ns);
}

static void read_record(struct ainka_cgroup_files *files)
{
	if (!ainka_maps_cgroup(files->id, &rec))
		return;
	set_delays(files);
	files->seq = rec.seq;
	files->delay_ns = rec.delay_ns;
	files->delays = rec.delays;
	memcpy(files->delay_hist, rec.delay_hist, sizeof(files->delay_hist));
}

static void read_files(struct ainka_cgroup_files *files)
{
	struct ainka_target target = { };
	unsigned int i;

	if (!ainka_cgroup_get(files->id, &target))
		return;
	read_number(files, target.cgroup, "pids.current", AINKA_SIG_CGROUP_TASKS);
	read_number(files, target.cgroup, "memory.current",
		    AINKA_SIG_CGROUP_MEMORY_CURRENT_BYTES);
	read_oom(files, target.cgroup);
	for (i = 0; i < ARRAY_SIZE(sources); i++)
		read_psi(files, target.cgroup, i);
	cgroup_put(target.cgroup);
}

/**
 * ainka_cgroup_files_read() - read all of a cgroup's files and its BPF record
 * @files: of the cgroup; gets the signals that have a value
 *
 * Context: one worker at a time; may sleep.
 */
void ainka_cgroup_files_read(struct ainka_cgroup_files *files)
{
	read_files(files);
	read_record(files);
}

/**
 * ainka_cgroup_files_tasks() - read the number of tasks alone
 * @id: the cgroup
 * @tasks: gets the number
 *
 * Context: one worker at a time; may sleep.
 *
 * Return: false if the cgroup is gone or does not count them.
 */
bool ainka_cgroup_files_tasks(u64 id, s64 *tasks)
{
	struct ainka_target target = { };
	bool found;

	if (!ainka_cgroup_get(id, &target))
		return false;
	found = !number(target.cgroup, "pids.current", tasks);
	cgroup_put(target.cgroup);
	return found;
}
