// SPDX-License-Identifier: GPL-2.0
/*
 * What the disks do: one program where the driver gets a request, one where the
 * request is done. When it began is in the request itself. Without the first
 * there is nothing to count; without the second nothing completes.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ainka_events.h"
#include "hist.h"
#include "requests.h"

char LICENSE[] SEC("license") = "GPL";

#define SECTOR_SHIFT	9

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AINKA_DEVS_MAX);
	__type(key, u32);
	__type(value, struct ainka_dev_rec);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ainka_block_stats);
} block_stats SEC(".maps");

/* A record is too large for the stack. */
static const struct ainka_dev_rec empty;

static __always_inline void add(u64 *counter, u64 n)
{
	__sync_fetch_and_add(counter, n);
}

static __always_inline u64 diskseq_of(struct gendisk *disk)
{
	return bpf_core_field_exists(disk->diskseq) ? disk->diskseq : 0;
}

/* First sight of a disk, or of another one under its number. */
static __always_inline struct ainka_dev_rec *disk_appears(struct gendisk *disk, u32 devt, u64 now)
{
	struct ainka_dev_rec *rec;

	if (bpf_map_update_elem(&devices, &devt, &empty, BPF_ANY))
		return 0;
	rec = bpf_map_lookup_elem(&devices, &devt);
	if (!rec)
		return 0;
	rec->devt = devt;
	rec->diskseq = diskseq_of(disk);
	barrier();
	/* another number than the last user of the element had, and not 0 */
	rec->seq = (u32)now | 1;
	return rec;
}

/* The record of a disk; with @now it is made if there is none. */
static __always_inline struct ainka_dev_rec *record_of(struct request *rq, u64 now)
{
	struct gendisk *disk = rq->q->disk;
	struct ainka_dev_rec *rec;
	u32 devt;

	if (!disk)
		return 0;
	devt = (u32)disk->major << MINORBITS | (u32)disk->first_minor;
	rec = bpf_map_lookup_elem(&devices, &devt);
	if (rec && rec->diskseq == diskseq_of(disk) && rec->seq)
		return rec;
	return now ? disk_appears(disk, devt, now) : 0;
}

/*
 * Several streams may be read at a time: does the read go on where one of them ended,
 * or, for one that is read backwards, end where it began? Or soon after: of a file that
 * is partly cached the stream has gaps.
 */
static __always_inline void count_sequential(struct ainka_dev_rec *rec, u64 sector, u32 bytes)
{
	u64 end = sector + (bytes >> SECTOR_SHIFT);
	u32 i;

	add(&rec->reads, 1);
#pragma unroll
	for (i = 0; i < AINKA_DEV_STREAMS; i++) {
		if (rec->end[i] && sector - rec->end[i] <= AINKA_DEV_SKIP)
			rec->end[i] = end;
		else if (rec->begin[i] - end <= AINKA_DEV_SKIP)
			rec->begin[i] = sector;
		else
			continue;
		add(&rec->sequential, 1);
		return;
	}
	/* two CPUs may replace the same one: a stream is forgotten early */
	i = rec->oldest;
	rec->oldest = i + 1;
	rec->begin[i & (AINKA_DEV_STREAMS - 1)] = sector;
	rec->end[i & (AINKA_DEV_STREAMS - 1)] = end;
}

static __always_inline void count_done(struct ainka_dev_dir *dir, const struct start *start,
				       u64 now)
{
	u64 lat = now - start->begin_ns;
	u32 bucket = ainka_hist_bucket(lat);

	if (bucket >= AINKA_HIST_BUCKETS)
		return;
	add(&dir->ios, 1);
	add(&dir->bytes, start->bytes);
	add(&dir->lat_ns, lat);
	add(&dir->queue_ns, start->issue_ns - start->begin_ns);
	__sync_fetch_and_add(&dir->lat_hist[bucket], 1);
}

static __always_inline void count_flush(struct ainka_dev_rec *rec, u64 ns)
{
	add(&rec->flushes, 1);
	add(&rec->flush_ns, ns);
}

static __always_inline struct ainka_block_stats *stats(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&block_stats, &zero);
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue, struct request *rq)
{
	u64 now = bpf_ktime_get_ns(), begin_ns = rq->start_time_ns;
	struct starts *starts = starts_of((u64)rq);
	struct ainka_block_stats *drops;
	struct ainka_dev_rec *rec;
	struct start *start;

	rec = record_of(rq, now);
	if (!rec) {
		drops = stats();
		if (drops)
			drops->dev_drops++;
		return 0;
	}
	/* found: given back to the queue and issued again */
	if (!starts || start_find(starts, (u64)rq))
		return 0;
	start = start_take(starts, (u64)rq);
	if (!start) {
		drops = stats();
		if (drops)
			drops->request_drops++;
		return 0;
	}
	/* not kept where iostats are off */
	start->begin_ns = begin_ns && begin_ns <= now ? begin_ns : now;
	start->issue_ns = now;
	start->bytes = rq->__data_len;
	start->op = rq->cmd_flags & REQ_OP_MASK;
	add(&rec->issued, 1);
	if (start->op == 0)
		count_sequential(rec, rq->__sector, start->bytes);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request *rq, u8 error, unsigned int nr_bytes)
{
	struct starts *starts;
	struct ainka_dev_rec *rec;
	struct start *start;

	/* a part of it is done, the rest goes on */
	if (nr_bytes < rq->__data_len)
		return 0;
	starts = starts_of((u64)rq);
	start = starts ? start_find(starts, (u64)rq) : 0;
	if (!start)
		return 0;
	rec = record_of(rq, 0);
	if (rec) {
		add(&rec->completed, 1);
		if (start->op == 0)
			count_done(&rec->dir[0], start, bpf_ktime_get_ns());
		else if (start->op == 1)
			count_done(&rec->dir[1], start, bpf_ktime_get_ns());
		else if (start->op == REQ_OP_FLUSH)
			count_flush(rec, bpf_ktime_get_ns() - start->begin_ns);
	}
	start_free(start);
	return 0;
}
