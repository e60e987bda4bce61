// SPDX-License-Identifier: GPL-2.0
/* Netlink operations by which an administrator takes and gives back. */
#include "genl_gen.h"
#include "handback.h"
#include "netlink.h"

static int answer(struct genl_info *info, int rc, const struct ainka_err *err,
		  struct nlattr *about, int attr, u32 count)
{
	struct ainka_nl_reply reply;

	if (rc) {
		if (err->msg[0])
			ainka_nl_error(info->extack, about, "%s", err->msg);
		return rc;
	}
	rc = ainka_nl_reply_begin(&reply, info);
	if (rc)
		return rc;
	return ainka_nl_reply_send(&reply, info, nla_put_u32(reply.msg, attr, count));
}

int ainka_nl_decision_undo_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ainka_err err = { };
	struct nlattr *id;
	int rc;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_DECISION_ID))
		return -EINVAL;
	id = info->attrs[AINKA_A_DECISION_ID];
	rc = ainka_undo(nla_get_u64(id), &err);
	if (rc && err.msg[0])
		ainka_nl_error(info->extack, id, "%s", err.msg);
	return rc;
}

int ainka_nl_tunable_release_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ainka_which which = { };
	struct ainka_err err = { };
	u32 released = 0;
	struct nlattr *name;
	int rc;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_TUNABLE_NAME))
		return -EINVAL;
	name = info->attrs[AINKA_A_TUNABLE_NAME];
	if (info->attrs[AINKA_A_TUNABLE_PID])
		which.pid = nla_get_u32(info->attrs[AINKA_A_TUNABLE_PID]);
	if (info->attrs[AINKA_A_TUNABLE_SUBJECT_ID])
		which.subject_id = nla_get_u64(info->attrs[AINKA_A_TUNABLE_SUBJECT_ID]);
	rc = ainka_release(nla_data(name), &which, &released, &err);
	return answer(info, rc, &err, name, AINKA_A_TUNABLE_HELD, released);
}

int ainka_nl_policy_resume_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ainka_err err = { };
	u32 resumed = 0;
	struct nlattr *name;
	int rc;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_POLICY_NAME))
		return -EINVAL;
	name = info->attrs[AINKA_A_POLICY_NAME];
	rc = ainka_resume(nla_data(name), &resumed, &err);
	return answer(info, rc, &err, name, AINKA_A_POLICY_PARKED, resumed);
}
