/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_POLICY_H
#define AINKA_POLICY_H

#include <linux/types.h>

#include "ainka_core.h"
#include "park.h"
#include "target.h"
#include "tunable.h"

/* Subjects a policy can be on for, or waiting to be, at one moment. */
#define AINKA_POLICY_SUBJECTS 64

#define AINKA_STATES_ALL	GENMASK(AINKA_STATE_EMERGENCY, 0)
#define AINKA_STATES_DEFAULT	(AINKA_STATES_ALL & ~BIT(AINKA_STATE_EMERGENCY))
#define AINKA_RATE_DEFAULT	600
#define AINKA_RATE_BURST	64

/* struct ainka_policy_cfg - a policy as a door received it; strings are the caller's */
struct ainka_policy_cfg {
	const char *name;
	const char *when;
	const char *until;
	u32 subject;
	u32 mode;
	u32 origin;
	u32 states;
	u32 rate_per_min;
	s32 priority;
	struct ainka_hyst_cfg hyst;
	const void *model;
	u64 model_bytes;
	bool replace;
	u32 n_actions;
	struct {
		const char *tunable;
		const char *value;
	} action[AINKA_MAX_ACTIONS];
};

/* Which part of a policy an error is about. */
enum ainka_field {
	AINKA_FIELD_NONE,
	AINKA_FIELD_NAME,
	AINKA_FIELD_WHEN,
	AINKA_FIELD_UNTIL,
	AINKA_FIELD_MODEL,
	AINKA_FIELD_ACTION,
	AINKA_FIELD_ORIGIN,
	AINKA_FIELD_SUBJECT,
	AINKA_FIELD_PRIORITY,
	AINKA_FIELD_STATES,
	AINKA_FIELD_TIME,
};

/* struct ainka_policy_err - why a policy was refused */
struct ainka_policy_err {
	enum ainka_field field;
	u32 action;		/* which one, for AINKA_FIELD_ACTION */
	struct ainka_err err;
};

struct ainka_action {
	const struct ainka_tunable *tun;
	struct ainka_value value;
	char text[AINKA_VALUE_LEN];
};

/**
 * struct ainka_slot - a subject that a policy is on for or waiting to be
 * @key: the subject; number 0 for a free slot, and for the system's
 * @hyst: on or off
 * @seen: walk in which it was seen last
 * @told: the turning on has been announced (modes observe and advise)
 * @refused: bit per action whose refusal has been journalled
 */
struct ainka_slot {
	struct ainka_key key;
	struct ainka_hyst hyst;
	u64 seen;
	bool told;
	u8 refused;
};

/**
 * struct ainka_policy - a policy in the table
 *
 * What is above @system does not change while the policy is in the table. What
 * follows belongs to the fast worker; others read single words of it.
 */
struct ainka_policy {
	u32 id;
	u32 version;
	char name[AINKA_NAME_LEN];
	char when_text[AINKA_EXPR_LEN];
	char until_text[AINKA_EXPR_LEN];
	u32 subject;
	u32 mode;
	u32 origin;
	u32 states;
	u32 rate_per_min;
	s32 priority;
	struct ainka_hyst_cfg hyst_cfg;
	struct ainka_windows windows;	/* of both conditions */
	struct ainka_prog *when;
	struct ainka_prog *until;	/* NULL: off when @when does not hold */
	struct ainka_model *model;	/* NULL: no model */
	void *blob;			/* the model as it came */
	u64 blob_bytes;
	u64 created_ns;
	u64 bytes;
	u32 n_actions;
	struct ainka_action action[AINKA_MAX_ACTIONS];

	struct ainka_slot system;
	struct ainka_slot *slot;	/* AINKA_POLICY_SUBJECTS, unless of the system */
	struct ainka_history *history;	/* NULL without windows */
	struct ainka_watch *watch;	/* ainka_park_entries(), under ainka_table_lock */
	struct ainka_budget budget;
	bool changed;			/* some slot turned on or off in this round */
	u32 active;
	u64 turned_on;
	u64 applied;
	u64 refused;
	u64 no_slot;			/* subjects there was no room for */
};

struct ainka_policy *ainka_policy_create(const struct ainka_policy_cfg *cfg,
					 struct ainka_policy_err *err);
__printf(4, 5)
int ainka_refuse(struct ainka_policy_err *err, enum ainka_field field, int rc,
		 const char *fmt, ...);
void ainka_policy_free(struct ainka_policy *policy);

struct ainka_slot *ainka_policy_slot(struct ainka_policy *policy,
				     const struct ainka_key *key);
void ainka_policy_begin(struct ainka_policy *policy, struct ainka_env *env, u64 now_ns);
void ainka_policy_eval(struct ainka_policy *policy, struct ainka_env *env,
		       const struct ainka_key *key, u64 walk, u64 now_ns);
void ainka_policy_end(struct ainka_policy *policy, u64 walk, u64 now_ns);

#endif
