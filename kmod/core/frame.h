/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What an evaluation saw, as bytes: the inputs of record mode. A frame is coded
 * as its differences from the one before it; a key frame stands alone, so that a
 * reader can begin there, or go on after a gap.
 */
#ifndef AINKA_CORE_FRAME_H
#define AINKA_CORE_FRAME_H

#include "ainka_core.h"

/* The system's signals, then the external ones. */
#define AINKA_FRAME_SIGNALS	(AINKA_N_SYSTEM_SIGNALS + AINKA_N_EXTERNAL)

/* Room for all subjects of all kinds that a walk visits. */
#define AINKA_FRAME_SUBJECTS	320

/* A frame whose every value changes has at most so many bytes. */
#define AINKA_VARINT_MAX	10
#define AINKA_FRAME_BYTES_MAX \
	(8 * AINKA_VARINT_MAX + AINKA_FRAME_SIGNALS * (2 + AINKA_VARINT_MAX) + \
	 AINKA_FRAME_SUBJECTS * (4 * AINKA_VARINT_MAX + \
				 AINKA_SNAP_SIGNALS * (2 + AINKA_VARINT_MAX)))

#define AINKA_FRAME_WALKED	0x1	/* the subjects were looked at anew */
#define AINKA_FRAME_ENFORCE	0x2	/* policies may write */
#define AINKA_FRAME_EVENTS	0x4	/* events were acted upon since the last frame */
#define AINKA_FRAME_FLAGS	(AINKA_FRAME_WALKED | AINKA_FRAME_ENFORCE | AINKA_FRAME_EVENTS)

/**
 * struct ainka_frame_subject - one subject
 * @subject: enum ainka_subject
 * @num: pid, device number, or 1
 * @id: its number that is not used again
 * @val: its signals
 * @fresh: 1 where @val means something
 */
struct ainka_frame_subject {
	__u32 subject;
	__u32 num;
	__u64 id;
	__s64 val[AINKA_SNAP_SIGNALS];
	__u8 fresh[AINKA_SNAP_SIGNALS];
};

/**
 * struct ainka_frame - what one evaluation saw
 * @time_ns: CLOCK_MONOTONIC
 * @flags: AINKA_FRAME_*
 * @state: enum ainka_state
 * @n_subjects: entries used in @subject
 * @pad: 0
 * @val: the system's signals, then the external ones
 * @fresh: 1 where @val means something
 * @subject: the subjects of the last walk
 */
struct ainka_frame {
	__u64 time_ns;
	__u32 flags;
	__u32 state;
	__u32 n_subjects;
	__u32 pad;
	__s64 val[AINKA_FRAME_SIGNALS];
	__u8 fresh[AINKA_FRAME_SIGNALS];
	struct ainka_frame_subject subject[AINKA_FRAME_SUBJECTS];
};

u32 ainka_frame_encode(const struct ainka_frame *prev, struct ainka_frame *cur, u8 *buf);
int ainka_frame_decode(const u8 *buf, u32 bytes, const struct ainka_frame *prev,
		       struct ainka_frame *cur);

#endif
