// SPDX-License-Identifier: GPL-2.0
/* Netlink operations on policies. */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "engine.h"
#include "genl_gen.h"
#include "lease.h"
#include "netlink.h"
#include "params.h"
#include "table.h"

/* A policy with its model may be this large in an answer. */
#define REPLY_BYTES (AINKA_MODEL_LEN + 4096)

static const char *string(struct nlattr *attr)
{
	return attr ? nla_data(attr) : NULL;
}

static u32 number(struct nlattr *attr, u32 otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

static u64 duration(struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

/* The actions of a request, which come as one attribute each. */
static int take_actions(struct genl_info *info, struct ainka_policy_cfg *cfg,
			struct nlattr **attrs)
{
	struct nlattr *tb[AINKA_A_ACTION_VALUE + 1];
	struct nlattr *attr;
	int left, err;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, left) {
		if (nla_type(attr) != AINKA_A_POLICY_ACTION)
			continue;
		if (cfg->n_actions == AINKA_MAX_ACTIONS) {
			ainka_nl_error(info->extack, attr, "a policy sets at most %d tunables",
				       AINKA_MAX_ACTIONS);
			return -E2BIG;
		}
		err = nla_parse_nested(tb, AINKA_A_ACTION_VALUE, attr, ainka_action_nl_policy,
				       info->extack);
		if (err)
			return err;
		attrs[cfg->n_actions] = attr;
		cfg->action[cfg->n_actions].tunable = string(tb[AINKA_A_ACTION_TUNABLE]);
		cfg->action[cfg->n_actions++].value = string(tb[AINKA_A_ACTION_VALUE]);
	}
	return 0;
}

static int check_origin(struct genl_info *info, const struct ainka_policy_cfg *cfg)
{
	struct nlattr *attr = info->attrs[AINKA_A_POLICY_ORIGIN];

	if (cfg->origin == AINKA_ORIGIN_ADMIN)
		return 0;
	if (!ainka_lease_held_by_current()) {
		ainka_nl_error(info->extack, attr,
			       "a policy of the learner needs a lease: open /dev/ainka for writing and renew it");
		return -EPERM;
	}
	if (cfg->origin == AINKA_ORIGIN_EXPERIMENT && !READ_ONCE(ainka_learning_mode)) {
		ainka_nl_error(info->extack, attr,
			       "experiments are switched off (parameter learning_mode)");
		return -EPERM;
	}
	return 0;
}

static void explain(struct genl_info *info, struct nlattr **actions,
		    const struct ainka_policy_err *err)
{
	static const int attr_of[] = {
		[AINKA_FIELD_NAME] = AINKA_A_POLICY_NAME,
		[AINKA_FIELD_WHEN] = AINKA_A_POLICY_WHEN,
		[AINKA_FIELD_UNTIL] = AINKA_A_POLICY_UNTIL,
		[AINKA_FIELD_MODEL] = AINKA_A_POLICY_MODEL,
		[AINKA_FIELD_ORIGIN] = AINKA_A_POLICY_ORIGIN,
		[AINKA_FIELD_SUBJECT] = AINKA_A_POLICY_SUBJECT,
		[AINKA_FIELD_PRIORITY] = AINKA_A_POLICY_PRIORITY,
		[AINKA_FIELD_STATES] = AINKA_A_POLICY_STATES,
	};
	struct nlattr *attr = NULL;

	if (!err->err.msg[0])
		return;
	if (err->field == AINKA_FIELD_ACTION)
		attr = actions[err->action];
	else if (err->field < ARRAY_SIZE(attr_of) && attr_of[err->field])
		attr = info->attrs[attr_of[err->field]];
	if (err->field == AINKA_FIELD_WHEN || err->field == AINKA_FIELD_UNTIL)
		ainka_nl_error(info->extack, attr, "%s, at character %u: %s",
			       err->field == AINKA_FIELD_WHEN ? "when" : "until",
			       err->err.pos + 1, err->err.msg);
	else
		ainka_nl_error(info->extack, attr, "%s", err->err.msg);
}

int ainka_nl_policy_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *actions[AINKA_MAX_ACTIONS] = { };
	struct ainka_policy_cfg cfg = { };
	struct ainka_policy_err err = { };
	struct ainka_policy *policy;
	struct nlattr **attrs = info->attrs;
	struct ainka_nl_reply reply;
	u32 id, version;
	int rc;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_POLICY_NAME) ||
	    GENL_REQ_ATTR_CHECK(info, AINKA_A_POLICY_WHEN))
		return -EINVAL;
	cfg.name = string(attrs[AINKA_A_POLICY_NAME]);
	cfg.when = string(attrs[AINKA_A_POLICY_WHEN]);
	cfg.until = string(attrs[AINKA_A_POLICY_UNTIL]);
	cfg.subject = number(attrs[AINKA_A_POLICY_SUBJECT], AINKA_SUBJECT_SYSTEM);
	cfg.mode = number(attrs[AINKA_A_POLICY_MODE], AINKA_MODE_ENFORCE);
	cfg.origin = number(attrs[AINKA_A_POLICY_ORIGIN], AINKA_ORIGIN_ADMIN);
	cfg.states = number(attrs[AINKA_A_POLICY_STATES], AINKA_STATES_DEFAULT);
	cfg.rate_per_min = number(attrs[AINKA_A_POLICY_RATE_PER_MIN], 0);
	if (attrs[AINKA_A_POLICY_PRIORITY])
		cfg.priority = nla_get_s32(attrs[AINKA_A_POLICY_PRIORITY]);
	cfg.hyst.for_ns = duration(attrs[AINKA_A_POLICY_FOR_NS]);
	cfg.hyst.hold_ns = duration(attrs[AINKA_A_POLICY_HOLD_NS]);
	cfg.hyst.cooldown_ns = duration(attrs[AINKA_A_POLICY_COOLDOWN_NS]);
	cfg.replace = attrs[AINKA_A_POLICY_REPLACE];
	if (attrs[AINKA_A_POLICY_MODEL]) {
		cfg.model = nla_data(attrs[AINKA_A_POLICY_MODEL]);
		cfg.model_bytes = nla_len(attrs[AINKA_A_POLICY_MODEL]);
	}
	rc = take_actions(info, &cfg, actions);
	if (!rc)
		rc = check_origin(info, &cfg);
	if (rc)
		return rc;
	policy = ainka_policy_create(&cfg, &err);
	if (IS_ERR(policy)) {
		explain(info, actions, &err);
		return PTR_ERR(policy);
	}
	rc = ainka_nl_reply_begin(&reply, info);
	if (rc) {
		ainka_policy_free(policy);
		return rc;
	}
	rc = ainka_table_add(policy, cfg.replace, &id, &version, &err);
	if (rc) {
		nlmsg_free(reply.msg);
		ainka_policy_free(policy);
		explain(info, actions, &err);
		return rc;
	}
	ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	rc = nla_put_u32(reply.msg, AINKA_A_POLICY_ID, id) ?:
	     nla_put_u32(reply.msg, AINKA_A_POLICY_VERSION, version);
	return ainka_nl_reply_send(&reply, info, rc);
}

int ainka_nl_policy_remove_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ainka_nl_reply reply;
	const char *name;
	u32 id, active;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_POLICY_NAME))
		return -EINVAL;
	name = string(info->attrs[AINKA_A_POLICY_NAME]);
	err = ainka_nl_reply_begin(&reply, info);
	if (err)
		return err;
	err = ainka_table_remove(name, &id, &active);
	if (err) {
		nlmsg_free(reply.msg);
		ainka_nl_error(info->extack, info->attrs[AINKA_A_POLICY_NAME],
			       "there is no policy %s", name);
		return err;
	}
	ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	err = nla_put_u32(reply.msg, AINKA_A_POLICY_ID, id) ?:
	      nla_put_u32(reply.msg, AINKA_A_POLICY_ACTIVE, active);
	return ainka_nl_reply_send(&reply, info, err);
}

static int put_actions(struct sk_buff *msg, const struct ainka_policy *policy)
{
	struct nlattr *nest;
	u32 i;

	for (i = 0; i < policy->n_actions; i++) {
		nest = nla_nest_start(msg, AINKA_A_POLICY_ACTION);
		if (!nest ||
		    nla_put_string(msg, AINKA_A_ACTION_TUNABLE, policy->action[i].tun->name) ||
		    nla_put_string(msg, AINKA_A_ACTION_VALUE, policy->action[i].text))
			return -EMSGSIZE;
		nla_nest_end(msg, nest);
	}
	return 0;
}

static int put_policy(struct sk_buff *msg, const void *object)
{
	const struct ainka_policy *p = object;
	const int pad = AINKA_A_POLICY_PAD;

	return nla_put_string(msg, AINKA_A_POLICY_NAME, p->name) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_SUBJECT, p->subject) ?:
	       nla_put_string(msg, AINKA_A_POLICY_WHEN, p->when_text) ?:
	       (p->until ? nla_put_string(msg, AINKA_A_POLICY_UNTIL, p->until_text) : 0) ?:
	       nla_put_u64_64bit(msg, AINKA_A_POLICY_FOR_NS, p->hyst_cfg.for_ns, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_POLICY_HOLD_NS, p->hyst_cfg.hold_ns, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_POLICY_COOLDOWN_NS, p->hyst_cfg.cooldown_ns, pad) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_RATE_PER_MIN, p->rate_per_min) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_MODE, p->mode) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_ORIGIN, p->origin) ?:
	       nla_put_s32(msg, AINKA_A_POLICY_PRIORITY, p->priority) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_STATES, p->states) ?:
	       put_actions(msg, p) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_ID, p->id) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_VERSION, p->version) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_ACTIVE, READ_ONCE(p->active)) ?:
	       nla_put_u64_64bit(msg, AINKA_A_POLICY_TURNED_ON, p->turned_on, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_POLICY_APPLIED, p->applied, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_POLICY_REFUSED, p->refused, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_POLICY_AGE_NS, ktime_get_ns() - p->created_ns, pad) ?:
	       nla_put_u32(msg, AINKA_A_POLICY_PARKED, ainka_park_count(p));
}

int ainka_nl_policy_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct ainka_policy *p;
	struct ainka_nl_reply reply;
	const char *name;
	int err = -ENOENT;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_POLICY_NAME))
		return -EINVAL;
	name = string(info->attrs[AINKA_A_POLICY_NAME]);
	reply.msg = genlmsg_new(REPLY_BYTES, GFP_KERNEL);
	if (!reply.msg)
		return -ENOMEM;
	reply.hdr = genlmsg_put_reply(reply.msg, info, &ainka_genl, 0, info->genlhdr->cmd);
	if (!reply.hdr) {
		nlmsg_free(reply.msg);
		return -ENOMEM;
	}
	mutex_lock(&ainka_table_lock);
	p = ainka_table_named(name);
	/* dumps leave models out: they are large */
	if (p)
		err = put_policy(reply.msg, p) ?:
		      (p->blob ? nla_put(reply.msg, AINKA_A_POLICY_MODEL, p->blob_bytes, p->blob) :
		       0);
	mutex_unlock(&ainka_table_lock);
	if (err == -ENOENT)
		ainka_nl_error(info->extack, info->attrs[AINKA_A_POLICY_NAME],
			       "there is no policy %s", name);
	return ainka_nl_reply_send(&reply, info, err);
}

int ainka_nl_policy_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct ainka_table *t;

	mutex_lock(&ainka_table_lock);
	t = ainka_table();
	while (cb->args[0] < t->n) {
		if (ainka_nl_dump_one(skb, cb, AINKA_CMD_POLICY_GET, put_policy,
				      t->policy[cb->args[0]]))
			break;
		cb->args[0]++;
	}
	mutex_unlock(&ainka_table_lock);
	return skb->len;
}
