// SPDX-License-Identifier: GPL-2.0
/*
 * Record mode: what every evaluation sees goes into the ring, so that the same
 * decisions can be taken again somewhere else. Frames are cut into pieces of the
 * size of a record; a piece that found no room makes the next frame a key frame.
 * All of this is the fast worker's; nothing is allocated while recording is off.
 */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "frame.h"
#include "machine_state.h"
#include "params.h"
#include "record.h"
#include "ring.h"
#include "subjects.h"

/* A reader that begins late, or lost something, waits for at most so many walks. */
#define WALKS_PER_KEY 64

static struct recorder {
	struct ainka_frame frame[2];
	u32 newest;
	u32 walks;		/* since the last key frame */
	bool broken;		/* a key frame is needed */
	bool events;		/* for the next frame */
	u64 last_id;
	struct ainka_inputs piece;
	u8 buf[AINKA_FRAME_BYTES_MAX];
} *recorder;

static void flush(struct recorder *r, u64 now_ns)
{
	if (!r->piece.bytes)
		return;
	r->piece.id = ++r->last_id;
	r->piece.time_ns = now_ns;
	r->piece.type = AINKA_RECORD_INPUTS;
	if (!ainka_ring_write(&r->piece))
		r->broken = true;
	r->piece.flags = 0;
	r->piece.bytes = 0;
}

static void append(struct recorder *r, const u8 *bytes, u32 n, u64 now_ns)
{
	while (n) {
		u32 part = min_t(u32, n, AINKA_INPUTS_BYTES - r->piece.bytes);

		memcpy(r->piece.payload + r->piece.bytes, bytes, part);
		r->piece.bytes += part;
		bytes += part;
		n -= part;
		if (r->piece.bytes == AINKA_INPUTS_BYTES)
			flush(r, now_ns);
	}
}

static void append_length(struct recorder *r, u32 n, u64 now_ns)
{
	u8 byte;

	do {
		byte = (n & 0x7f) | (n > 0x7f ? 0x80 : 0);
		append(r, &byte, 1, now_ns);
		n >>= 7;
	} while (n);
}

static void take_system(struct ainka_frame *frame, const struct ainka_round *round)
{
	memcpy(frame->val, round->val, AINKA_N_SYSTEM_SIGNALS * sizeof(frame->val[0]));
	memcpy(frame->fresh, round->fresh, AINKA_N_SYSTEM_SIGNALS);
	memcpy(frame->val + AINKA_N_SYSTEM_SIGNALS, round->val + AINKA_EXTERNAL_FIRST,
	       AINKA_N_EXTERNAL * sizeof(frame->val[0]));
	memcpy(frame->fresh + AINKA_N_SYSTEM_SIGNALS, round->fresh + AINKA_EXTERNAL_FIRST,
	       AINKA_N_EXTERNAL);
}

static void take_subjects(struct ainka_frame *frame)
{
	u32 subject, i;

	frame->n_subjects = 0;
	for (subject = AINKA_SUBJECT_TASK; subject <= AINKA_SUBJECT_DEVICE; subject++) {
		for (i = 0; i < ainka_subjects_count(subject); i++) {
			const struct ainka_snap *snap = ainka_subjects_at(subject, i);
			struct ainka_frame_subject *s = &frame->subject[frame->n_subjects];

			if (WARN_ON_ONCE(frame->n_subjects == AINKA_FRAME_SUBJECTS))
				return;
			s->subject = subject;
			s->num = snap->key.num;
			s->id = snap->key.id;
			memcpy(s->val, snap->val, sizeof(s->val));
			memcpy(s->fresh, snap->fresh, sizeof(s->fresh));
			frame->n_subjects++;
		}
	}
}

/**
 * ainka_record_round() - record what a round saw, if that is wanted
 * @round: the round
 * @walked: the subjects were looked at anew
 *
 * Context: the fast worker.
 */
void ainka_record_round(const struct ainka_round *round, bool walked)
{
	struct recorder *r = recorder;
	struct ainka_frame *frame;
	bool key;
	u32 n;

	if (!READ_ONCE(ainka_record_inputs)) {
		if (r)
			ainka_record_exit();
		return;
	}
	if (!r) {
		r = vzalloc(sizeof(*r));
		if (!r)
			return;
		r->broken = true;
		recorder = r;
	}
	/* only a frame that has walked can stand alone */
	key = walked && (r->broken || r->walks >= WALKS_PER_KEY);
	if (r->broken && !key)
		return;
	frame = &r->frame[!r->newest];
	frame->time_ns = round->now_ns;
	frame->flags = (walked ? AINKA_FRAME_WALKED : 0) |
		       (READ_ONCE(ainka_enforce) ? AINKA_FRAME_ENFORCE : 0);
	if (r->events)
		frame->flags |= AINKA_FRAME_EVENTS;
	r->events = false;
	frame->state = ainka_state_now();
	take_system(frame, round);
	if (walked)
		take_subjects(frame);
	if (key) {
		r->broken = false;
		flush(r, round->now_ns);
		r->piece.flags = AINKA_INPUTS_KEY;
		r->walks = 0;
	}
	n = ainka_frame_encode(key ? NULL : &r->frame[r->newest], frame, r->buf);
	r->newest = !r->newest;
	append_length(r, n, round->now_ns);
	append(r, r->buf, n, round->now_ns);
	if (walked) {
		r->walks++;
		flush(r, round->now_ns);
	}
}

/**
 * ainka_record_events() - policies were evaluated for events, between two rounds
 *
 * What they saw is not recorded; the next frame says that there was something.
 *
 * Context: the fast worker.
 */
void ainka_record_events(void)
{
	if (recorder)
		recorder->events = true;
}

/**
 * ainka_record_exit() - free what recording has allocated
 *
 * Context: the fast worker, or after it has ended.
 */
void ainka_record_exit(void)
{
	vfree(recorder);
	recorder = NULL;
}

/**
 * ainka_record_bytes() - what recording has allocated
 *
 * Return: bytes.
 */
u64 ainka_record_bytes(void)
{
	return READ_ONCE(recorder) ? sizeof(*recorder) : 0;
}
