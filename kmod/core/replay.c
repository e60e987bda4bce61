// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "replay.h"

#ifndef __KERNEL__

/* A frame and its length, and the chunk that completes it. */
#define BUFFER_BYTES (AINKA_FRAME_BYTES_MAX + AINKA_VARINT_MAX + AINKA_INPUTS_BYTES)

/**
 * struct ainka_replay - chunks being put together
 * @next_id: number of the chunk that should come next, 0 before the first
 * @gaps: times that chunks were missing
 * @chunks: chunks that were missing
 * @corrupt: chunks and frames that could not be read
 * @synced: a key frame has been seen since the last gap
 * @key: the frame at the beginning of @buf is a key frame
 * @newest: which of @frame was read last
 * @have: bytes in @buf
 * @frame: the last two frames
 * @buf: bytes that are not frames yet
 */
struct ainka_replay {
	u64 next_id;
	u64 gaps;
	u64 chunks;
	u64 corrupt;
	bool synced;
	bool key;
	u32 newest;
	u32 have;
	struct ainka_frame frame[2];
	u8 buf[BUFFER_BYTES];
};

/**
 * ainka_replay_bytes - room that a reader needs
 *
 * Return: bytes, to be aligned to 8.
 */
u64 ainka_replay_bytes(void)
{
	return sizeof(struct ainka_replay);
}

/**
 * ainka_replay_init - begin
 * @replay: the reader
 */
void ainka_replay_init(struct ainka_replay *replay)
{
	memset(replay, 0, sizeof(*replay));
}

static void lose_sync(struct ainka_replay *replay)
{
	replay->synced = false;
	replay->have = 0;
}

static int corrupt(struct ainka_replay *replay)
{
	replay->corrupt++;
	lose_sync(replay);
	return AINKA_REPLAY_CORRUPT;
}

/**
 * ainka_replay_feed - take the next chunk
 * @replay: the reader; all frames of the chunks before have been taken from it
 * @chunk: a chunk from an unknown source
 *
 * Return: enum ainka_replay_feed.
 */
int ainka_replay_feed(struct ainka_replay *replay, const struct ainka_inputs *chunk)
{
	bool gap = replay->next_id && chunk->id != replay->next_id;

	if (chunk->type != AINKA_RECORD_INPUTS || chunk->bytes > AINKA_INPUTS_BYTES ||
	    !chunk->id || chunk->id < replay->next_id)
		return corrupt(replay);
	if (gap) {
		replay->gaps++;
		replay->chunks += chunk->id - replay->next_id;
		lose_sync(replay);
	}
	replay->next_id = chunk->id + 1;
	if (chunk->flags & AINKA_INPUTS_KEY) {
		/* what is left of an unfinished frame is no use */
		if (replay->have)
			replay->corrupt++;
		replay->have = 0;
		replay->synced = true;
		replay->key = true;
	}
	if (!replay->synced)
		return AINKA_REPLAY_SKIPPED;
	if (replay->have + chunk->bytes > BUFFER_BYTES)
		return corrupt(replay);
	memcpy(replay->buf + replay->have, chunk->payload, chunk->bytes);
	replay->have += chunk->bytes;
	return gap ? AINKA_REPLAY_GAP : AINKA_REPLAY_OK;
}

/* The length before a frame; 0 when it is not there as a whole. */
static u32 length(const struct ainka_replay *replay, u32 *bytes)
{
	u32 i, v = 0;

	for (i = 0; i < replay->have && i < 4; i++) {
		v |= (u32)(replay->buf[i] & 0x7f) << (7 * i);
		if (!(replay->buf[i] & 0x80)) {
			*bytes = v;
			return i + 1;
		}
	}
	*bytes = i == 4 ? BUFFER_BYTES : 0;
	return 0;
}

/**
 * ainka_replay_next - read the next frame
 * @replay: the reader
 *
 * Return: 1 when there is one, for ainka_replay_frame(); 0 when it takes another
 * chunk; -EINVAL when the bytes are no frame, and reading goes on at the next key
 * frame.
 */
int ainka_replay_next(struct ainka_replay *replay)
{
	struct ainka_frame *frame = &replay->frame[!replay->newest];
	u32 bytes, head = length(replay, &bytes);

	if (bytes > AINKA_FRAME_BYTES_MAX) {
		corrupt(replay);
		return -EINVAL;
	}
	if (!head || replay->have - head < bytes)
		return 0;
	if (ainka_frame_decode(replay->buf + head, bytes,
			       replay->key ? NULL : &replay->frame[replay->newest], frame)) {
		corrupt(replay);
		return -EINVAL;
	}
	replay->key = false;
	replay->newest = !replay->newest;
	replay->have -= head + bytes;
	memmove(replay->buf, replay->buf + head + bytes, replay->have);
	return 1;
}

/**
 * ainka_replay_frame - the frame that was read last
 * @replay: the reader
 *
 * Return: the frame, valid until the one after the next is read.
 */
const struct ainka_frame *ainka_replay_frame(const struct ainka_replay *replay)
{
	return &replay->frame[replay->newest];
}

/**
 * ainka_replay_losses - what could not be read
 * @replay: the reader
 * @gaps: out, times that chunks were missing
 * @chunks: out, how many chunks those were
 * @corrupt: out, chunks and frames that made no sense
 */
void ainka_replay_losses(const struct ainka_replay *replay, u64 *gaps, u64 *chunks, u64 *corrupt)
{
	*gaps = replay->gaps;
	*chunks = replay->chunks;
	*corrupt = replay->corrupt;
}

#endif
