// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "flat.h"

#ifndef __KERNEL__

#include "frame.h"

/**
 * ainka_flat_frame_bytes - size of a frame
 * @coded: of the largest one coded as bytes, rather than of the structure
 *
 * Return: bytes.
 */
u64 ainka_flat_frame_bytes(u32 coded)
{
	return coded ? AINKA_FRAME_BYTES_MAX : sizeof(struct ainka_frame);
}

/**
 * ainka_flat_frame_set - fill a frame
 * @frame: out
 * @time_ns: its time
 * @flags: AINKA_FRAME_*
 * @state: enum ainka_state
 * @val: the system's signals, then the external ones
 * @fresh: 1 where @val means something
 */
void ainka_flat_frame_set(struct ainka_frame *frame, u64 time_ns, u32 flags, u32 state,
			  const s64 *val, const u8 *fresh)
{
	memset(frame, 0, sizeof(*frame));
	frame->time_ns = time_ns;
	frame->flags = flags;
	frame->state = state;
	memcpy(frame->val, val, sizeof(frame->val));
	memcpy(frame->fresh, fresh, sizeof(frame->fresh));
}

/**
 * ainka_flat_frame_add - add a subject to a frame
 * @frame: the frame
 * @subject: enum ainka_subject
 * @num: its number
 * @id: the number that is not used again
 * @val: its signals, AINKA_SNAP_SIGNALS of them
 * @fresh: 1 where @val means something
 *
 * Return: false when there is no room.
 */
u32 ainka_flat_frame_add(struct ainka_frame *frame, u32 subject, u32 num, u64 id,
			 const s64 *val, const u8 *fresh)
{
	struct ainka_frame_subject *s = &frame->subject[frame->n_subjects];

	if (frame->n_subjects == AINKA_FRAME_SUBJECTS)
		return false;
	s->subject = subject;
	s->num = num;
	s->id = id;
	memcpy(s->val, val, sizeof(s->val));
	memcpy(s->fresh, fresh, sizeof(s->fresh));
	frame->n_subjects++;
	return true;
}

/**
 * ainka_flat_frame_get - what a frame says of the system
 * @frame: the frame
 * @time_ns: out
 * @flags: out
 * @state: out
 * @val: out, AINKA_FRAME_SIGNALS values
 * @fresh: out, likewise
 *
 * Return: number of subjects.
 */
u32 ainka_flat_frame_get(const struct ainka_frame *frame, u64 *time_ns, u32 *flags, u32 *state,
			 s64 *val, u8 *fresh)
{
	*time_ns = frame->time_ns;
	*flags = frame->flags;
	*state = frame->state;
	memcpy(val, frame->val, sizeof(frame->val));
	memcpy(fresh, frame->fresh, sizeof(frame->fresh));
	return frame->n_subjects;
}

/**
 * ainka_flat_frame_subjects - what a frame says of its subjects
 * @frame: the frame
 * @subject: out, a row each, here and below
 * @num: out
 * @id: out
 * @val: out, AINKA_SNAP_SIGNALS values a row
 * @fresh: out, likewise
 */
void ainka_flat_frame_subjects(const struct ainka_frame *frame, u32 *subject, u32 *num, u64 *id,
			       s64 *val, u8 *fresh)
{
	u32 i;

	for (i = 0; i < frame->n_subjects; i++) {
		const struct ainka_frame_subject *s = &frame->subject[i];

		subject[i] = s->subject;
		num[i] = s->num;
		id[i] = s->id;
		memcpy(val + i * AINKA_SNAP_SIGNALS, s->val, sizeof(s->val));
		memcpy(fresh + i * AINKA_SNAP_SIGNALS, s->fresh, sizeof(s->fresh));
	}
}

#endif
