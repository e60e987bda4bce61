// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ainka.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "genl_gen.h"

#include <uapi/linux/ainka.h>

/* Common nested types */
const struct nla_policy ainka_action_nl_policy[AINKA_A_ACTION_VALUE + 1] = {
	[AINKA_A_ACTION_TUNABLE] = { .type = NLA_NUL_STRING, .len = 63, },
	[AINKA_A_ACTION_VALUE] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* AINKA_CMD_POLICY_ADD - do */
const struct nla_policy ainka_policy_add_nl_policy[AINKA_A_POLICY_REPLACE + 1] = {
	[AINKA_A_POLICY_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[AINKA_A_POLICY_SUBJECT] = NLA_POLICY_MAX(NLA_U32, 3),
	[AINKA_A_POLICY_WHEN] = { .type = NLA_NUL_STRING, .len = 511, },
	[AINKA_A_POLICY_UNTIL] = { .type = NLA_NUL_STRING, .len = 511, },
	[AINKA_A_POLICY_FOR_NS] = { .type = NLA_U64, },
	[AINKA_A_POLICY_HOLD_NS] = { .type = NLA_U64, },
	[AINKA_A_POLICY_COOLDOWN_NS] = { .type = NLA_U64, },
	[AINKA_A_POLICY_RATE_PER_MIN] = { .type = NLA_U32, },
	[AINKA_A_POLICY_MODE] = NLA_POLICY_MAX(NLA_U32, 2),
	[AINKA_A_POLICY_ORIGIN] = NLA_POLICY_MAX(NLA_U32, 2),
	[AINKA_A_POLICY_PRIORITY] = NLA_POLICY_MAX(NLA_S32, 1000),
	[AINKA_A_POLICY_STATES] = NLA_POLICY_MAX(NLA_U32, 31),
	[AINKA_A_POLICY_MODEL] = { .type = NLA_BINARY, },
	[AINKA_A_POLICY_ACTION] = NLA_POLICY_NESTED(ainka_action_nl_policy),
	[AINKA_A_POLICY_REPLACE] = { .type = NLA_FLAG, },
};

/* AINKA_CMD_POLICY_REMOVE - do */
const struct nla_policy ainka_policy_remove_nl_policy[AINKA_A_POLICY_NAME + 1] = {
	[AINKA_A_POLICY_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* AINKA_CMD_POLICY_GET - do */
const struct nla_policy ainka_policy_get_nl_policy[AINKA_A_POLICY_NAME + 1] = {
	[AINKA_A_POLICY_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* AINKA_CMD_POLICY_RESUME - do */
const struct nla_policy ainka_policy_resume_nl_policy[AINKA_A_POLICY_NAME + 1] = {
	[AINKA_A_POLICY_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* AINKA_CMD_SIGNAL_GET - do */
const struct nla_policy ainka_signal_get_nl_policy[AINKA_A_SIGNAL_SUBJECT + 1] = {
	[AINKA_A_SIGNAL_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[AINKA_A_SIGNAL_SUBJECT] = NLA_POLICY_MAX(NLA_U32, 3),
};

/* AINKA_CMD_TUNABLE_GET - do */
const struct nla_policy ainka_tunable_get_nl_policy[AINKA_A_TUNABLE_NAME + 1] = {
	[AINKA_A_TUNABLE_NAME] = { .type = NLA_NUL_STRING, },
};

/* AINKA_CMD_TUNABLE_RELEASE - do */
const struct nla_policy ainka_tunable_release_nl_policy[AINKA_A_TUNABLE_SUBJECT_ID + 1] = {
	[AINKA_A_TUNABLE_NAME] = { .type = NLA_NUL_STRING, },
	[AINKA_A_TUNABLE_PID] = { .type = NLA_U32, },
	[AINKA_A_TUNABLE_SUBJECT_ID] = { .type = NLA_U64, },
};

/* AINKA_CMD_DECISION_GET - do */
const struct nla_policy ainka_decision_get_nl_policy[AINKA_A_DECISION_ID + 1] = {
	[AINKA_A_DECISION_ID] = { .type = NLA_U64, },
};

/* AINKA_CMD_DECISION_UNDO - do */
const struct nla_policy ainka_decision_undo_nl_policy[AINKA_A_DECISION_ID + 1] = {
	[AINKA_A_DECISION_ID] = { .type = NLA_U64, },
};

/* AINKA_CMD_MAP_ATTACH - do */
const struct nla_policy ainka_map_attach_nl_policy[AINKA_A_MAP_SLOTS + 1] = {
	[AINKA_A_MAP_ROLE] = NLA_POLICY_MAX(NLA_U32, 5),
	[AINKA_A_MAP_FD] = { .type = NLA_U32, },
	[AINKA_A_MAP_SLOTS] = { .type = NLA_U64, },
};

/* AINKA_CMD_LEASE_RENEW - do */
const struct nla_policy ainka_lease_renew_nl_policy[AINKA_A_LEASE_DURATION_MS + 1] = {
	[AINKA_A_LEASE_DURATION_MS] = { .type = NLA_U32, },
};

/* AINKA_CMD_STATE_GET - do */
const struct nla_policy ainka_state_get_nl_policy[AINKA_A_STATUS_BRIEF + 1] = {
	[AINKA_A_STATUS_BRIEF] = { .type = NLA_FLAG, },
};

/* AINKA_CMD_STATE_SET - do */
const struct nla_policy ainka_state_set_nl_policy[AINKA_A_STATUS_ENFORCE + 1] = {
	[AINKA_A_STATUS_STATE] = NLA_POLICY_MAX(NLA_U32, 4),
	[AINKA_A_STATUS_WHY] = { .type = NLA_NUL_STRING, .len = 63, },
	[AINKA_A_STATUS_ENFORCE] = NLA_POLICY_MAX(NLA_U32, 1),
};

/* AINKA_CMD_RESET - do */
const struct nla_policy ainka_reset_nl_policy[AINKA_A_STATUS_WHY + 1] = {
	[AINKA_A_STATUS_WHY] = { .type = NLA_NUL_STRING, .len = 63, },
};

/* AINKA_CMD_SIGNAL_SET - do */
const struct nla_policy ainka_signal_set_nl_policy[AINKA_A_SIGNAL_MAX_AGE_NS + 1] = {
	[AINKA_A_SIGNAL_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[AINKA_A_SIGNAL_VALUE] = { .type = NLA_S64, },
	[AINKA_A_SIGNAL_MAX_AGE_NS] = { .type = NLA_U64, },
};

/* Ops table for ainka */
const struct genl_ops ainka_nl_ops[15] = {
	{
		.cmd		= AINKA_CMD_POLICY_ADD,
		.doit		= ainka_nl_policy_add_doit,
		.policy		= ainka_policy_add_nl_policy,
		.maxattr	= AINKA_A_POLICY_REPLACE,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_POLICY_REMOVE,
		.doit		= ainka_nl_policy_remove_doit,
		.policy		= ainka_policy_remove_nl_policy,
		.maxattr	= AINKA_A_POLICY_NAME,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_POLICY_GET,
		.doit		= ainka_nl_policy_get_doit,
		.dumpit		= ainka_nl_policy_get_dumpit,
		.policy		= ainka_policy_get_nl_policy,
		.maxattr	= AINKA_A_POLICY_NAME,
	},
	{
		.cmd		= AINKA_CMD_POLICY_RESUME,
		.doit		= ainka_nl_policy_resume_doit,
		.policy		= ainka_policy_resume_nl_policy,
		.maxattr	= AINKA_A_POLICY_NAME,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_SIGNAL_GET,
		.doit		= ainka_nl_signal_get_doit,
		.dumpit		= ainka_nl_signal_get_dumpit,
		.policy		= ainka_signal_get_nl_policy,
		.maxattr	= AINKA_A_SIGNAL_SUBJECT,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_TUNABLE_GET,
		.doit		= ainka_nl_tunable_get_doit,
		.dumpit		= ainka_nl_tunable_get_dumpit,
		.policy		= ainka_tunable_get_nl_policy,
		.maxattr	= AINKA_A_TUNABLE_NAME,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_TUNABLE_RELEASE,
		.doit		= ainka_nl_tunable_release_doit,
		.policy		= ainka_tunable_release_nl_policy,
		.maxattr	= AINKA_A_TUNABLE_SUBJECT_ID,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_DECISION_GET,
		.doit		= ainka_nl_decision_get_doit,
		.dumpit		= ainka_nl_decision_get_dumpit,
		.policy		= ainka_decision_get_nl_policy,
		.maxattr	= AINKA_A_DECISION_ID,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_DECISION_UNDO,
		.doit		= ainka_nl_decision_undo_doit,
		.policy		= ainka_decision_undo_nl_policy,
		.maxattr	= AINKA_A_DECISION_ID,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_MAP_ATTACH,
		.doit		= ainka_nl_map_attach_doit,
		.policy		= ainka_map_attach_nl_policy,
		.maxattr	= AINKA_A_MAP_SLOTS,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_LEASE_RENEW,
		.doit		= ainka_nl_lease_renew_doit,
		.policy		= ainka_lease_renew_nl_policy,
		.maxattr	= AINKA_A_LEASE_DURATION_MS,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_STATE_GET,
		.doit		= ainka_nl_state_get_doit,
		.policy		= ainka_state_get_nl_policy,
		.maxattr	= AINKA_A_STATUS_BRIEF,
	},
	{
		.cmd		= AINKA_CMD_STATE_SET,
		.doit		= ainka_nl_state_set_doit,
		.policy		= ainka_state_set_nl_policy,
		.maxattr	= AINKA_A_STATUS_ENFORCE,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_RESET,
		.doit		= ainka_nl_reset_doit,
		.policy		= ainka_reset_nl_policy,
		.maxattr	= AINKA_A_STATUS_WHY,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= AINKA_CMD_SIGNAL_SET,
		.doit		= ainka_nl_signal_set_doit,
		.policy		= ainka_signal_set_nl_policy,
		.maxattr	= AINKA_A_SIGNAL_MAX_AGE_NS,
		.flags		= GENL_ADMIN_PERM,
	},
};

static const struct genl_multicast_group ainka_nl_mcgrps[] = {
	[AINKA_NLGRP_DECISIONS] = { "decisions", },
	[AINKA_NLGRP_REQUESTS] = { "requests", },
};
