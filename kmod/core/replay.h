/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The reader of record mode: chunks of the ring in, frames out. User space only.
 * The structure is opaque to callers that know no C, who ask for its size.
 */
#ifndef AINKA_CORE_REPLAY_H
#define AINKA_CORE_REPLAY_H

#include "frame.h"

enum ainka_replay_feed {
	AINKA_REPLAY_OK,	/* taken */
	AINKA_REPLAY_GAP,	/* taken, and chunks are missing before it */
	AINKA_REPLAY_SKIPPED,	/* of no use before the next key frame */
	AINKA_REPLAY_CORRUPT,	/* not a chunk of inputs, or out of order */
};

struct ainka_replay;

u64 ainka_replay_bytes(void);
void ainka_replay_init(struct ainka_replay *replay);
int ainka_replay_feed(struct ainka_replay *replay, const struct ainka_inputs *chunk);
int ainka_replay_next(struct ainka_replay *replay);
const struct ainka_frame *ainka_replay_frame(const struct ainka_replay *replay);
void ainka_replay_losses(const struct ainka_replay *replay, u64 *gaps, u64 *chunks, u64 *corrupt);

#endif
