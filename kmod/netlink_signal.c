// SPDX-License-Identifier: GPL-2.0
/* Netlink and external signals: setting one, and asking for one. */
#include "engine.h"
#include "external.h"
#include "genl_gen.h"
#include "lease.h"
#include "netlink.h"

int ainka_nl_signal_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *max_age = info->attrs[AINKA_A_SIGNAL_MAX_AGE_NS];
	struct nlattr *value = info->attrs[AINKA_A_SIGNAL_VALUE];
	struct ainka_external_cfg cfg = { };
	struct ainka_nl_reply reply;
	struct ainka_err err = { };
	int id, rc;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_SIGNAL_NAME))
		return -EINVAL;
	cfg.name = nla_data(info->attrs[AINKA_A_SIGNAL_NAME]);
	cfg.max_age_ns = max_age ? nla_get_u64(max_age) : 0;
	if (max_age && !cfg.max_age_ns) {
		ainka_nl_error(info->extack, max_age, "the maximum age is 1 ms to 1 hour");
		return -ERANGE;
	}
	cfg.leased = ainka_lease_held_by_current();
	rc = ainka_nl_reply_begin(&reply, info);
	if (rc)
		return rc;
	id = value ? ainka_external_push(&cfg, nla_get_s64(value), &err) :
		     ainka_external_claim(&cfg, &err);
	if (id < 0) {
		nlmsg_free(reply.msg);
		ainka_nl_error(info->extack, id == -ERANGE ? max_age :
			       info->attrs[AINKA_A_SIGNAL_NAME], "%s", err.msg);
		return id;
	}
	if (value)
		ainka_engine_kick();
	return ainka_nl_reply_send(&reply, info, nla_put_u32(reply.msg, AINKA_A_SIGNAL_ID, id));
}

/**
 * ainka_netlink_forecast() - tell those who listen that a forecast is wanted
 * @signal: of which signal
 *
 * Context: may sleep.
 */
void ainka_netlink_forecast(const char *signal)
{
	struct sk_buff *msg;
	void *hdr;

	if (!genl_has_listeners(&ainka_genl, &init_net, AINKA_NLGRP_REQUESTS))
		return;
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &ainka_genl, 0, AINKA_CMD_FORECAST_NTF);
	if (!hdr || nla_put_string(msg, AINKA_A_SIGNAL_NAME, signal)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast(&ainka_genl, msg, 0, AINKA_NLGRP_REQUESTS, GFP_KERNEL);
}
