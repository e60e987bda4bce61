/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_JOURNAL_H
#define AINKA_JOURNAL_H

#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "ainka_core.h"
#include "lane.h"
#include "target.h"
#include "tunable.h"

/* Entries that policies make, and those that children of changed tasks add. */
#define AINKA_HOLDS_MAX		512
#define AINKA_HOLDS_HARD_MAX	4096

/**
 * struct ainka_saved - texts of a tunable that is saved and restored as text
 * @baseline: before us
 * @written: after our last write
 * @now: what was found last
 */
struct ainka_saved {
	char baseline[AINKA_SAVED_LEN];
	char written[AINKA_SAVED_LEN];
	char now[AINKA_SAVED_LEN];
};

/**
 * struct ainka_hold - a tunable that is away from its baseline
 * @node: in the table, by subject
 * @rcu: to free it
 * @tun: the tunable
 * @target: what it is set on, referenced; its label and key are those of the beginning
 * @identity: of the device
 * @baseline: value before us
 * @written: value we wrote last, noted before it is written
 * @wanted: value the policy asked for, before the step limit
 * @asked: value that was to be written last; @written is what the kernel made of it
 * @since_ns: when it was taken
 * @ghost_ns: restored then; kept for a moment for forks that are under way
 * @saved: its texts, NULL for a tunable that is its value
 * @policy_id: policy that has set it
 * @policy_version: version of that policy
 * @policy: its name
 * @held: @baseline and @written mean something, and it may be away from its baseline
 * @looked: they mean something, but nothing has been written yet
 * @foreign: somebody else has set it since; it is not ours any more
 * @pending: the slow lane is at it
 * @inherited: copied from the parent at fork
 * @failed: that it cannot be set, or restored, has been journalled
 * @refused: it could not be set; kept so that this is not tried every round
 */
struct ainka_hold {
	struct hlist_node node;
	struct rcu_head rcu;
	const struct ainka_tunable *tun;
	struct ainka_target target;
	u64 identity;
	s64 baseline;
	s64 written;
	s64 wanted;
	s64 asked;
	u64 since_ns;
	u64 ghost_ns;
	struct ainka_saved *saved;
	u32 policy_id;
	u32 policy_version;
	char policy[AINKA_NAME_LEN];
	bool held;
	bool looked;
	bool foreign;
	bool pending;
	bool inherited;
	bool failed;
	bool refused;
};

/* Protects the entries; the table alone may also be walked under RCU. */
extern struct mutex ainka_journal_lock;
extern DECLARE_HASHTABLE(ainka_holds, 9);

#define ainka_journal_each(hold, tmp, bucket) \
	hash_for_each_safe(ainka_holds, bucket, tmp, hold, node)

/* Why a tunable cannot be read or written. */
static inline u32 ainka_journal_reason(int err)
{
	return err == -EOPNOTSUPP ? AINKA_REASON_ABSENT : AINKA_REASON_WRITE_ERROR;
}

void ainka_journal_exit(void);
struct ainka_hold *ainka_journal_find(const struct ainka_tunable *tun,
				      const struct ainka_target *target);
struct ainka_hold *ainka_journal_new(const struct ainka_tunable *tun,
				     const struct ainka_target *target);
void ainka_journal_drop(struct ainka_hold *hold);
void ainka_journal_yield(struct ainka_hold *hold);
void ainka_journal_set(struct ainka_hold *hold, s64 value, s64 wanted,
		       struct ainka_record *rec);
void ainka_journal_work(struct ainka_hold *hold, s64 value, enum ainka_task task,
			struct ainka_record *rec);
void ainka_journal_look(struct ainka_hold *hold, struct ainka_record *rec);
bool ainka_journal_gone(const struct ainka_hold *hold);
void ainka_journal_restore(struct ainka_hold *hold, struct ainka_record *rec);
void ainka_journal_inherit(struct task_struct *parent, struct task_struct *child);
u32 ainka_journal_held(void);
u32 ainka_journal_yielded(void);
bool ainka_journal_idle(void);
u64 ainka_journal_lost(void);

#endif
