/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ainka.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_AINKA_GEN_H
#define _LINUX_AINKA_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/ainka.h>

/* Common nested types */
extern const struct nla_policy ainka_action_nl_policy[AINKA_A_ACTION_VALUE + 1];

extern const struct nla_policy ainka_policy_add_nl_policy[AINKA_A_POLICY_REPLACE + 1];

extern const struct nla_policy ainka_policy_remove_nl_policy[AINKA_A_POLICY_NAME + 1];

extern const struct nla_policy ainka_policy_get_nl_policy[AINKA_A_POLICY_NAME + 1];

extern const struct nla_policy ainka_policy_resume_nl_policy[AINKA_A_POLICY_NAME + 1];

extern const struct nla_policy ainka_signal_get_nl_policy[AINKA_A_SIGNAL_SUBJECT + 1];

extern const struct nla_policy ainka_tunable_get_nl_policy[AINKA_A_TUNABLE_NAME + 1];

extern const struct nla_policy ainka_tunable_release_nl_policy[AINKA_A_TUNABLE_SUBJECT_ID + 1];

extern const struct nla_policy ainka_decision_get_nl_policy[AINKA_A_DECISION_ID + 1];

extern const struct nla_policy ainka_decision_undo_nl_policy[AINKA_A_DECISION_ID + 1];

extern const struct nla_policy ainka_map_attach_nl_policy[AINKA_A_MAP_SLOTS + 1];

extern const struct nla_policy ainka_lease_renew_nl_policy[AINKA_A_LEASE_DURATION_MS + 1];

extern const struct nla_policy ainka_state_get_nl_policy[AINKA_A_STATUS_BRIEF + 1];

extern const struct nla_policy ainka_state_set_nl_policy[AINKA_A_STATUS_ENFORCE + 1];

extern const struct nla_policy ainka_reset_nl_policy[AINKA_A_STATUS_WHY + 1];

extern const struct nla_policy ainka_signal_set_nl_policy[AINKA_A_SIGNAL_MAX_AGE_NS + 1];

/* Ops table for ainka */
extern const struct genl_ops ainka_nl_ops[15];

int ainka_nl_policy_add_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_policy_remove_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_policy_get_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_policy_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int ainka_nl_policy_resume_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_signal_get_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_signal_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int ainka_nl_tunable_get_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_tunable_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int ainka_nl_tunable_release_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_decision_get_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_decision_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int ainka_nl_decision_undo_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_map_attach_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_lease_renew_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_state_get_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_state_set_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_reset_doit(struct sk_buff *skb, struct genl_info *info);
int ainka_nl_signal_set_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	AINKA_NLGRP_DECISIONS,
	AINKA_NLGRP_REQUESTS,
};

#endif /* _LINUX_AINKA_GEN_H */
