// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Frames to bytes and back. Numbers are little-endian base 128 with a
 * continuation bit; signed differences are folded so that small ones of either
 * sign are short. Differences wrap, so that every value can be coded.
 */
#include "frame.h"

/* struct reader - bytes being decoded; bad once something did not fit */
struct reader {
	const u8 *at;
	const u8 *end;
	bool bad;
};

static u8 *put(u8 *at, u64 v)
{
	while (v >= 0x80) {
		*at++ = v | 0x80;
		v >>= 7;
	}
	*at++ = v;
	return at;
}

static u64 get(struct reader *r)
{
	u32 shift = 0;
	u64 v = 0;

	while (r->at < r->end && shift < 64) {
		u8 byte = *r->at++;

		/* the tenth byte has room for one bit */
		if (shift == 63 && byte > 1)
			break;
		v |= (u64)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
		shift += 7;
	}
	r->bad = true;
	return 0;
}

static u64 fold(u64 difference)
{
	return difference << 1 ^ (0 - (difference >> 63));
}

static u64 unfold(u64 v)
{
	return v >> 1 ^ (0 - (v & 1));
}

/*
 * Signals that changed: how many, then for each the distance from the one before
 * it and whether it is fresh, and the difference if it is. A value that is not
 * fresh means nothing, so the old one stays on both sides.
 */
static u8 *put_bank(u8 *at, const s64 *was, const u8 *was_fresh, s64 *val, const u8 *fresh, u32 n)
{
	u32 i, next = 0, changes = 0;

	for (i = 0; i < n; i++) {
		if (!fresh[i])
			val[i] = was[i];
		changes += fresh[i] != was_fresh[i] || val[i] != was[i];
	}
	at = put(at, changes);
	for (i = 0; i < n; i++) {
		if (fresh[i] == was_fresh[i] && val[i] == was[i])
			continue;
		at = put(at, (u64)(i - next) << 1 | fresh[i]);
		if (fresh[i])
			at = put(at, fold((u64)val[i] - (u64)was[i]));
		next = i + 1;
	}
	return at;
}

static void get_bank(struct reader *r, const s64 *was, const u8 *was_fresh, s64 *val, u8 *fresh,
		     u32 n)
{
	u64 changes = get(r), next = 0;

	memcpy(val, was, n * sizeof(*val));
	memcpy(fresh, was_fresh, n);
	if (changes > n)
		r->bad = true;
	while (!r->bad && changes--) {
		u64 v = get(r);

		if ((v >> 1) >= n - next) {
			r->bad = true;
			return;
		}
		next += v >> 1;
		fresh[next] = v & 1;
		if (fresh[next])
			val[next] = (u64)val[next] + unfold(get(r));
		next++;
	}
}

static bool same(const struct ainka_frame_subject *a, const struct ainka_frame_subject *b)
{
	return a->subject == b->subject && a->num == b->num && a->id == b->id;
}

/* The subject in the frame before; mostly it is near where it was. */
static u32 find(const struct ainka_frame *prev, const struct ainka_frame_subject *s, u32 hint)
{
	u32 i;

	for (i = 0; i < prev->n_subjects; i++) {
		u32 at = hint + i < prev->n_subjects ? hint + i : hint + i - prev->n_subjects;

		if (same(&prev->subject[at], s))
			return at;
	}
	return AINKA_FRAME_SUBJECTS;
}

static const struct ainka_frame_subject no_subject;

static u8 *put_subjects(u8 *at, const struct ainka_frame *prev, struct ainka_frame *cur)
{
	u32 i;

	at = put(at, cur->n_subjects);
	for (i = 0; i < cur->n_subjects; i++) {
		struct ainka_frame_subject *s = &cur->subject[i];
		const struct ainka_frame_subject *was = &no_subject;
		u32 ref = AINKA_FRAME_SUBJECTS;

		if (prev && prev->n_subjects)
			ref = find(prev, s, i < prev->n_subjects ? i : 0);
		if (ref < AINKA_FRAME_SUBJECTS) {
			was = &prev->subject[ref];
			at = put(at, 1 + (u64)ref);
		} else {
			at = put(at, 0);
			at = put(at, s->subject);
			at = put(at, s->num);
			at = put(at, s->id);
		}
		at = put_bank(at, was->val, was->fresh, s->val, s->fresh, AINKA_SNAP_SIGNALS);
	}
	return at;
}

static void get_subjects(struct reader *r, const struct ainka_frame *prev,
			 struct ainka_frame *cur)
{
	u64 n = get(r), i;

	if (n > AINKA_FRAME_SUBJECTS)
		r->bad = true;
	for (i = 0; !r->bad && i < n; i++) {
		struct ainka_frame_subject *s = &cur->subject[i];
		const struct ainka_frame_subject *was = &no_subject;
		u64 ref = get(r);

		if (ref > (prev ? prev->n_subjects : 0)) {
			r->bad = true;
			return;
		}
		if (ref) {
			was = &prev->subject[ref - 1];
			s->subject = was->subject;
			s->num = was->num;
			s->id = was->id;
		} else {
			u64 subject = get(r), num = get(r);

			if (subject > AINKA_SUBJECT_DEVICE || num > 0xffffffff)
				r->bad = true;
			s->subject = subject;
			s->num = num;
			s->id = get(r);
		}
		get_bank(r, was->val, was->fresh, s->val, s->fresh, AINKA_SNAP_SIGNALS);
	}
	cur->n_subjects = r->bad ? 0 : n;
}

static const s64 no_val[AINKA_FRAME_SIGNALS];
static const u8 no_fresh[AINKA_FRAME_SIGNALS];

/**
 * ainka_frame_encode - code a frame
 * @prev: the frame coded before it, or NULL for a key frame, which has to have walked
 * @cur: the frame; what it does not say (values that are not fresh, the subjects when it
 *	has not walked) is filled in from @prev, as a reader will
 * @buf: out, at least AINKA_FRAME_BYTES_MAX bytes
 *
 * Return: bytes written.
 */
u32 ainka_frame_encode(const struct ainka_frame *prev, struct ainka_frame *cur, u8 *buf)
{
	u8 *at = buf;

	at = put(at, cur->time_ns - (prev ? prev->time_ns : 0));
	at = put(at, cur->flags);
	at = put(at, cur->state);
	at = put_bank(at, prev ? prev->val : no_val, prev ? prev->fresh : no_fresh, cur->val,
		      cur->fresh, AINKA_FRAME_SIGNALS);
	if (cur->flags & AINKA_FRAME_WALKED) {
		at = put_subjects(at, prev, cur);
	} else {
		cur->n_subjects = prev ? prev->n_subjects : 0;
		if (prev)
			memcpy(cur->subject, prev->subject,
			       prev->n_subjects * sizeof(prev->subject[0]));
	}
	return at - buf;
}

/**
 * ainka_frame_decode - read a frame
 * @buf: its bytes, from an unknown source
 * @bytes: how many
 * @prev: the frame before it, or NULL for a key frame
 * @cur: out; undefined on error
 *
 * Return: 0, or -EINVAL when the bytes are not exactly one frame.
 */
int ainka_frame_decode(const u8 *buf, u32 bytes, const struct ainka_frame *prev,
		       struct ainka_frame *cur)
{
	struct reader r = { buf, buf + bytes, false };
	u64 flags, state;

	cur->time_ns = (prev ? prev->time_ns : 0) + get(&r);
	flags = get(&r);
	state = get(&r);
	if (flags & ~(u64)AINKA_FRAME_FLAGS || state > AINKA_STATE_EMERGENCY)
		return -EINVAL;
	cur->flags = flags;
	cur->state = state;
	cur->pad = 0;
	get_bank(&r, prev ? prev->val : no_val, prev ? prev->fresh : no_fresh, cur->val,
		 cur->fresh, AINKA_FRAME_SIGNALS);
	if (r.bad)
		return -EINVAL;
	if (cur->flags & AINKA_FRAME_WALKED) {
		get_subjects(&r, prev, cur);
	} else {
		cur->n_subjects = prev ? prev->n_subjects : 0;
		if (prev)
			memcpy(cur->subject, prev->subject,
			       prev->n_subjects * sizeof(prev->subject[0]));
	}
	return r.bad || r.at != r.end ? -EINVAL : 0;
}
