// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "ainka_core.h"
#include "../../ebpf/ainka_events.h"

#define NS_PER_US	1000ULL
#define NS_PER_MS	1000000ULL
/* Less than this says nothing about a disk yet. */
#define ELAPSED_MIN_NS	(400 * NS_PER_MS)

enum { READS, WRITES };

/* A counter that seems to have gone back was copied at another moment. */
static u64 grown(u64 now, u64 then)
{
	return now > then ? now - then : 0;
}

#define LARGEST	0x7fffffffffffffffULL

static void set(s64 *val, u8 *fresh, u16 id, u64 v)
{
	val[AINKA_SIG_INDEX(id)] = v < LARGEST ? v : LARGEST;
	fresh[AINKA_SIG_INDEX(id)] = 1;
}

/* Per second. */
static u64 rate(u64 n, u64 elapsed_ns)
{
	u64 ms = elapsed_ns / NS_PER_MS;

	return n < LARGEST / 1000 ? n * 1000 / ms : n / ms;
}

static u64 p99_us(const struct ainka_dev_dir *dir, const struct ainka_dev_dir *old)
{
	u32 counts[AINKA_HIST_BUCKETS], i;

	for (i = 0; i < AINKA_HIST_BUCKETS; i++)
		counts[i] = dir->lat_hist[i] - old->lat_hist[i];
	return ainka_hist_percentile(counts, AINKA_HIST_BUCKETS, 990) / NS_PER_US;
}

static void latency(const struct ainka_dev_dir *dir, const struct ainka_dev_dir *old, u16 mean,
		    u16 p99, s64 *val, u8 *fresh)
{
	u64 ios = grown(dir->ios, old->ios);

	if (!ios)
		return;
	set(val, fresh, mean, grown(dir->lat_ns, old->lat_ns) / ios / NS_PER_US);
	set(val, fresh, p99, p99_us(dir, old));
}

/* Waiting for the driver, and the driver's own time. */
static void times(u64 ios, u64 lat_ns, u64 queue_ns, s64 *val, u8 *fresh)
{
	if (!ios)
		return;
	if (queue_ns > lat_ns)
		queue_ns = lat_ns;
	set(val, fresh, AINKA_SIG_DEV_QUEUE_TIME_MEAN_US, queue_ns / ios / NS_PER_US);
	set(val, fresh, AINKA_SIG_DEV_SERVICE_TIME_MEAN_US,
	    (lat_ns - queue_ns) / ios / NS_PER_US);
	/* in microseconds the product cannot overflow */
	lat_ns /= NS_PER_US;
	if (lat_ns)
		set(val, fresh, AINKA_SIG_DEV_QUEUE_TIME_PERMILLE,
		    queue_ns / NS_PER_US * 1000 / lat_ns);
}

/**
 * ainka_dev_features - the signals of one disk
 * @rec: copy of its record
 * @old: an older copy
 * @elapsed_ns: time between the two
 * @val: out, AINKA_N_DEVICE_SIGNALS values, 0 where not fresh
 * @fresh: out, AINKA_N_DEVICE_SIGNALS flags; all 0 for copies less than 400 ms apart,
 *         or of different disks
 *
 * A mean or a percentile of nothing is not fresh.
 */
void ainka_dev_features(const struct ainka_dev_rec *rec, const struct ainka_dev_rec *old,
			u64 elapsed_ns, s64 *val, u8 *fresh)
{
	const struct ainka_dev_dir *r = &rec->dir[READS], *w = &rec->dir[WRITES];
	const struct ainka_dev_dir *or = &old->dir[READS], *ow = &old->dir[WRITES];
	u64 reads, writes, issued, flushes;

	memset(val, 0, AINKA_N_DEVICE_SIGNALS * sizeof(*val));
	memset(fresh, 0, AINKA_N_DEVICE_SIGNALS);
	if (elapsed_ns < ELAPSED_MIN_NS || rec->seq != old->seq || rec->devt != old->devt)
		return;
	reads = grown(r->ios, or->ios);
	writes = grown(w->ios, ow->ios);
	issued = grown(rec->reads, old->reads);
	flushes = grown(rec->flushes, old->flushes);

	set(val, fresh, AINKA_SIG_DEV_MAJOR, rec->devt >> 20);
	set(val, fresh, AINKA_SIG_DEV_MINOR, rec->devt & 0xfffff);
	set(val, fresh, AINKA_SIG_DEV_IO_RATE_HZ, rate(reads + writes, elapsed_ns));
	set(val, fresh, AINKA_SIG_DEV_READ_RATE_HZ, rate(reads, elapsed_ns));
	set(val, fresh, AINKA_SIG_DEV_WRITE_RATE_HZ, rate(writes, elapsed_ns));
	set(val, fresh, AINKA_SIG_DEV_READ_RATE_BYTES,
	    rate(grown(r->bytes, or->bytes), elapsed_ns));
	set(val, fresh, AINKA_SIG_DEV_WRITE_RATE_BYTES,
	    rate(grown(w->bytes, ow->bytes), elapsed_ns));
	latency(r, or, AINKA_SIG_DEV_READ_LAT_MEAN_US, AINKA_SIG_DEV_READ_LAT_P99_US, val, fresh);
	latency(w, ow, AINKA_SIG_DEV_WRITE_LAT_MEAN_US, AINKA_SIG_DEV_WRITE_LAT_P99_US, val,
		fresh);
	times(reads + writes, grown(r->lat_ns, or->lat_ns) + grown(w->lat_ns, ow->lat_ns),
	      grown(r->queue_ns, or->queue_ns) + grown(w->queue_ns, ow->queue_ns), val, fresh);
	set(val, fresh, AINKA_SIG_DEV_FLUSH_RATE_HZ, rate(flushes, elapsed_ns));
	if (flushes)
		set(val, fresh, AINKA_SIG_DEV_FLUSH_LAT_MEAN_US,
		    grown(rec->flush_ns, old->flush_ns) / flushes / NS_PER_US);
	if (issued)
		set(val, fresh, AINKA_SIG_DEV_SEQUENTIAL_PERMILLE,
		    grown(rec->sequential, old->sequential) * 1000 / issued);
	set(val, fresh, AINKA_SIG_DEV_IN_FLIGHT, grown(rec->issued, rec->completed));
}
