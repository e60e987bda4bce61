// SPDX-License-Identifier: GPL-2.0
/*
 * How long it takes until what was written to a file is on the disk: fsync and
 * fdatasync, msync, and writes to a file that is to be synchronous.
 */
#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "counters.h"

char LICENSE[] SEC("license") = "GPL";

/* struct sync - since when a task waits, or 0, and where on its stack that began */
struct sync {
	u64 since;
	u64 frame;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sync);
} syncs SEC(".maps");

#ifdef __TARGET_ARCH_x86
#define FDATASYNC "__x64_sys_fdatasync"
#else
#define FDATASYNC "__arm64_sys_fdatasync"
#endif

static __always_inline int ends(u64 frame, long ret)
{
	struct sync *sync = bpf_task_storage_get(&syncs, bpf_get_current_task_btf(), 0, 0);

	if (!sync || !sync->since || sync->frame != frame)
		return 0;
	/* what failed is no measure of the disk */
	if (!ret)
		count_time(AINKA_TIMES_FS_SYNC, bpf_ktime_get_ns() - sync->since);
	count(AINKA_COUNTER_FS_SYNCS_UNDER_WAY, -AINKA_BEGUN(sync->since));
	sync->since = 0;
	return 0;
}

/*
 * A file system above another one hands the request down (overlayfs): what begins
 * further down on the stack is a part of what has begun already.
 */
static __always_inline int begins(u64 frame)
{
	struct sync *sync = bpf_task_storage_get(&syncs, bpf_get_current_task_btf(), 0,
						 BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!sync || (sync->since && frame < sync->frame))
		return 0;
	/* its end was missed */
	if (sync->since)
		count(AINKA_COUNTER_FS_SYNCS_UNDER_WAY, -AINKA_BEGUN(sync->since));
	sync->since = bpf_ktime_get_ns();
	sync->frame = frame;
	count(AINKA_COUNTER_FS_SYNCS_UNDER_WAY, AINKA_BEGUN(sync->since));
	return 0;
}

/* The ends come first, so that they are attached first: no beginning without its end. */
SEC("fexit/vfs_fsync_range")
int BPF_PROG(sync_end, struct file *file, s64 start, s64 end, int datasync, int ret)
{
	return ends((u64)ctx, ret);
}

/* A compiler may have put the whole of it into this call, as that of Debian's 6.1 has. */
SEC("fexit/" FDATASYNC)
int BPF_PROG(data_end, struct pt_regs *regs, long ret)
{
	return ends((u64)ctx, ret);
}

SEC("fentry/vfs_fsync_range")
int BPF_PROG(sync_begin)
{
	return begins((u64)ctx);
}

SEC("fentry/" FDATASYNC)
int BPF_PROG(data_begin)
{
	return begins((u64)ctx);
}
