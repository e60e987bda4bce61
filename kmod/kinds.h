/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_KINDS_H
#define AINKA_KINDS_H

#include "subjects.h"

/* by enum ainka_subject */
#define AINKA_KINDS (AINKA_SUBJECT_DEVICE + 1)

/**
 * struct ainka_walk - a look at all subjects of a kind
 * @now_ns: the present
 * @snap: each subject in turn: its key and signals
 * @consider: to be called for each
 */
struct ainka_walk {
	u64 now_ns;
	struct ainka_snap *snap;
	void (*consider)(struct ainka_walk *walk);
};

/**
 * struct ainka_subject_kind - one kind of subject; all but @show is the fast worker's
 * @top: how many are kept by rank
 * @room: how many may be visited in all
 * @rank: index of the signal that ranks them
 * @walk: look at each there is; NULL where there are none
 * @look: put one into a snap; false if there is no such subject
 * @want: there is a policy of this kind; where signals cost more than a look
 * @show: somebody looks at them without a policy: see that the next walk knows; may sleep
 */
struct ainka_subject_kind {
	u32 top;
	u32 room;
	u16 rank;
	void (*walk)(struct ainka_walk *walk);
	bool (*look)(const struct ainka_key *key, u64 now_ns, struct ainka_snap *snap);
	void (*want)(u64 now_ns);
	void (*show)(void);
};

extern const struct ainka_subject_kind ainka_kinds[AINKA_KINDS];

void ainka_kind_task(const struct ainka_key *key, u64 now_ns, struct ainka_snap *snap);

#endif
