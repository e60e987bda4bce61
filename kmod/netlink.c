// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: answers, errors in words, the group of decisions,
 * and the operations on the state of the module. spec/ainka.yaml defines it.
 */
#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>

#include "chardev.h"
#include "counted.h"
#include "decision.h"
#include "engine.h"
#include "genl_gen.h"
#include "journal.h"
#include "kfunc.h"
#include "lane.h"
#include "lease.h"
#include "machine_state.h"
#include "maps.h"
#include "netlink.h"
#include "params.h"
#include "status.h"

/* Events a minute, and how many at once; the ring and the log have them all. */
#define EVENTS_PER_MIN	12000
#define EVENTS_BURST	400

static const struct genl_multicast_group groups[] = {
	[AINKA_NLGRP_DECISIONS] = {
		.name = "decisions",
#ifdef AINKA_HAVE_MCAST_CAP
		.flags = GENL_MCAST_CAP_NET_ADMIN,
#endif
	},
	[AINKA_NLGRP_REQUESTS] = {
		.name = "requests",
#ifdef AINKA_HAVE_MCAST_CAP
		.flags = GENL_MCAST_CAP_NET_ADMIN,
#endif
	},
};

struct genl_family ainka_genl = {
	.name = AINKA_FAMILY_NAME,
	.version = AINKA_FAMILY_VERSION,
	.maxattr = 0,
	.module = THIS_MODULE,
	.parallel_ops = true,
	.ops = ainka_nl_ops,
	.n_ops = ARRAY_SIZE(ainka_nl_ops),
	.resv_start_op = AINKA_CMD_MAX + 1,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/* protects events */
static DEFINE_SPINLOCK(events_lock);
static struct ainka_budget events;
static atomic64_t event_drops;
static bool door_open;

/*
 * The text of an extended ack is a pointer that is read after the operation has
 * returned, by the same task. These outlive it; one is used again only after so
 * many other errors, and then still ends in a NUL.
 */
static char error_text[64][sizeof(((struct ainka_err *)NULL)->msg) + 32];
static atomic_t error_next;

/**
 * ainka_nl_error() - say in words what is wrong with a request
 * @extack: of the request
 * @attr: attribute it is about, or NULL
 * @fmt: what is wrong and what is allowed
 */
void ainka_nl_error(struct netlink_ext_ack *extack, const struct nlattr *attr, const char *fmt,
		    ...)
{
	char *text = error_text[(u32)atomic_inc_return(&error_next) % ARRAY_SIZE(error_text)];
	va_list args;

	if (!extack)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(error_text[0]), fmt, args);
	va_end(args);
	extack->_msg = text;
	extack->bad_attr = attr;
}

/**
 * ainka_nl_reply_begin() - begin the answer to a request
 * @reply: gets it
 * @info: of the request
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_nl_reply_begin(struct ainka_nl_reply *reply, struct genl_info *info)
{
	reply->msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply->msg)
		return -ENOMEM;
	reply->hdr = genlmsg_put_reply(reply->msg, info, &ainka_genl, 0, info->genlhdr->cmd);
	if (reply->hdr)
		return 0;
	nlmsg_free(reply->msg);
	return -ENOMEM;
}

/**
 * ainka_nl_reply_send() - send an answer, or drop it
 * @reply: the answer
 * @info: of the request
 * @err: negative errno if it could not be written
 *
 * Return: 0 or a negative errno.
 */
int ainka_nl_reply_send(struct ainka_nl_reply *reply, struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(reply->msg);
		return err;
	}
	genlmsg_end(reply->msg, reply->hdr);
	return genlmsg_reply(reply->msg, info);
}

/**
 * ainka_nl_dump_one() - add one object to a dump
 * @msg: of the dump
 * @cb: of the dump
 * @cmd: operation
 * @put: writes the object
 * @object: the object
 *
 * Return: 0, or -EMSGSIZE when it goes into the next message.
 */
int ainka_nl_dump_one(struct sk_buff *msg, struct netlink_callback *cb, u8 cmd,
		      int (*put)(struct sk_buff *msg, const void *object), const void *object)
{
	void *hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &ainka_genl,
				NLM_F_MULTI, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (put(msg, object)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/**
 * ainka_netlink_decision() - tell those who listen what was decided
 * @rec: the decision
 *
 * Context: may sleep.
 */
void ainka_netlink_decision(const struct ainka_record *rec)
{
	struct sk_buff *msg;
	bool room;
	void *hdr;

	/* tunables are restored after the family is gone */
	if (!READ_ONCE(door_open) ||
	    !genl_has_listeners(&ainka_genl, &init_net, AINKA_NLGRP_DECISIONS))
		return;
	spin_lock(&events_lock);
	room = ainka_budget_take(&events, EVENTS_PER_MIN, EVENTS_BURST, ktime_get_ns());
	spin_unlock(&events_lock);
	msg = room ? genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL) : NULL;
	if (!msg)
		goto drop;
	hdr = genlmsg_put(msg, 0, 0, &ainka_genl, 0, AINKA_CMD_DECISION_NTF);
	if (!hdr || ainka_nl_put_decision(msg, rec)) {
		nlmsg_free(msg);
		goto drop;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast(&ainka_genl, msg, 0, AINKA_NLGRP_DECISIONS, GFP_KERNEL);
	return;
drop:
	atomic64_inc(&event_drops);
}

/**
 * ainka_netlink_event_drops() - events that were not sent
 *
 * Return: their number.
 */
u64 ainka_netlink_event_drops(void)
{
	return atomic64_read(&event_drops);
}

int ainka_nl_map_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *slots = info->attrs[AINKA_A_MAP_SLOTS];
	const char *why = NULL;
	u64 counted;
	u32 role;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_MAP_ROLE) ||
	    GENL_REQ_ATTR_CHECK(info, AINKA_A_MAP_FD))
		return -EINVAL;
	if (!ainka_lease_held_by_current()) {
		ainka_nl_error(info->extack, NULL,
			       "maps need a lease: open /dev/ainka for writing and renew it");
		return -EPERM;
	}
	role = nla_get_u32(info->attrs[AINKA_A_MAP_ROLE]);
	counted = slots ? nla_get_u64(slots) : 0;
	err = ainka_counted_slots(role, counted, &why);
	if (err) {
		ainka_nl_error(info->extack, slots, "%s", why);
		return err;
	}
	err = ainka_maps_attach(role, nla_get_u32(info->attrs[AINKA_A_MAP_FD]), &why);
	if (err) {
		ainka_nl_error(info->extack, info->attrs[AINKA_A_MAP_FD], "%s", why);
		return err;
	}
	ainka_counted_attached(role, counted);
	ainka_engine_kick();
	return 0;
}

int ainka_nl_lease_renew_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *duration = info->attrs[AINKA_A_LEASE_DURATION_MS];
	struct ainka_nl_reply reply;
	u32 remaining_ms;
	int err;

	err = ainka_lease_renew(duration ? nla_get_u32(duration) : 0, &remaining_ms);
	if (err) {
		ainka_nl_error(info->extack, NULL,
			       "the lease is of the process that has /dev/ainka open for writing");
		return err;
	}
	err = ainka_nl_reply_begin(&reply, info);
	if (err)
		return err;
	err = nla_put_u32(reply.msg, AINKA_A_LEASE_REMAINING_MS, remaining_ms);
	return ainka_nl_reply_send(&reply, info, err);
}

static int put_counters(struct sk_buff *msg, const struct ainka_status *s)
{
	static const int pad = AINKA_A_STATUS_PAD;

	return nla_put_u32(msg, AINKA_A_STATUS_POLICIES, s->policies) ?:
	       nla_put_u32(msg, AINKA_A_STATUS_MAX_POLICIES, ainka_max_policies) ?:
	       nla_put_u32(msg, AINKA_A_STATUS_HELD, s->held) ?:
	       nla_put_u32(msg, AINKA_A_STATUS_YIELDED, s->yielded) ?:
	       nla_put_u32(msg, AINKA_A_STATUS_PARKED, s->parked) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_DECISIONS, s->decisions.total, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_APPLIED, s->decisions.applied, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_RESTORED, s->decisions.restored, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_REFUSED, s->decisions.refused, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_RING_DROPS, s->ring_drops, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_EVENT_DROPS, s->event_drops, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_TICKS, s->engine.rounds, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_EVAL_MIN_NS, s->engine.min_ns, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_EVAL_P50_NS, s->engine.p50_ns, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_EVAL_P99_NS, s->engine.p99_ns, pad) ?:
	       nla_put_u32(msg, AINKA_A_STATUS_LEASE_MS, s->lease_ms) ?:
	       nla_put_u32(msg, AINKA_A_STATUS_MAPS, s->maps) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_MEMORY_BYTES, s->memory_bytes, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_UPTIME_NS, s->uptime_ns, pad);
}

static int put_posts(struct sk_buff *msg, const struct ainka_status *s)
{
	static const int pad = AINKA_A_STATUS_PAD;
	const struct ainka_event_counts *e = &s->events;
	const char *no_kfunc = ainka_kfunc_absent();
	u64 taken = 0;
	int i;

	for (i = 0; i < AINKA_N_SOURCES; i++)
		taken += e->taken[i];
	return nla_put_u64_64bit(msg, AINKA_A_STATUS_POSTS, taken, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_POSTS_BPF, e->taken[AINKA_FROM_BPF],
				 pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_POSTS_LIMITED, e->limited, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_POSTS_NO_ROOM, e->no_room, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_POSTS_REFUSED, e->refused, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_POSTS_LOST, s->react.lost, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_POSTS_CHANGED, s->react.changed, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_POST_P50_NS, s->react.p50_ns, pad) ?:
	       nla_put_u64_64bit(msg, AINKA_A_STATUS_POST_P99_NS, s->react.p99_ns, pad) ?:
	       (no_kfunc ? nla_put_string(msg, AINKA_A_STATUS_NO_KFUNC, no_kfunc) : 0);
}

int ainka_nl_state_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ainka_nl_reply reply;
	struct ainka_status s;
	int err;

	err = ainka_nl_reply_begin(&reply, info);
	if (err)
		return err;
	ainka_status_get(&s);
	err = nla_put_u32(reply.msg, AINKA_A_STATUS_STATE, s.state.state) ?:
	      nla_put_u64_64bit(reply.msg, AINKA_A_STATUS_SINCE_NS,
				ktime_get_ns() - s.state.since_ns, AINKA_A_STATUS_PAD) ?:
	      nla_put_string(reply.msg, AINKA_A_STATUS_WHY, s.state.why) ?:
	      nla_put_u32(reply.msg, AINKA_A_STATUS_ENFORCE, READ_ONCE(ainka_enforce)) ?:
	      nla_put_u32(reply.msg, AINKA_A_STATUS_LEARNING_MODE,
			  READ_ONCE(ainka_learning_mode)) ?:
	      nla_put_u32(reply.msg, AINKA_A_STATUS_EMERGENCY_THRESHOLD,
			  READ_ONCE(ainka_emergency_threshold)) ?:
	      nla_put_string(reply.msg, AINKA_A_STATUS_VERSION, AINKA_VERSION);
	if (!err && !info->attrs[AINKA_A_STATUS_BRIEF])
		err = put_counters(reply.msg, &s) ?: put_posts(reply.msg, &s);
	return ainka_nl_reply_send(&reply, info, err);
}

int ainka_nl_state_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *state = info->attrs[AINKA_A_STATUS_STATE];
	struct nlattr *enforce = info->attrs[AINKA_A_STATUS_ENFORCE];
	struct nlattr *why = info->attrs[AINKA_A_STATUS_WHY];

	if (!state && !enforce) {
		ainka_nl_error(info->extack, NULL, "state-set needs state or enforce");
		return -EINVAL;
	}
	if (enforce)
		WRITE_ONCE(ainka_enforce, nla_get_u32(enforce));
	if (state)
		ainka_state_event(AINKA_EVENT_ADMIN, nla_get_u32(state),
				  why ? nla_data(why) : "set by the administrator");
	ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	return 0;
}

int ainka_nl_reset_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ainka_nl_reply reply;
	int err;

	WRITE_ONCE(ainka_enforce, false);
	ainka_engine_sync(AINKA_REASON_RESET);
	err = ainka_nl_reply_begin(&reply, info);
	if (err)
		return err;
	/* what the slow lane is still at */
	err = nla_put_u32(reply.msg, AINKA_A_STATUS_HELD, ainka_journal_held());
	return ainka_nl_reply_send(&reply, info, err);
}

/**
 * ainka_netlink_init() - open the door
 *
 * Return: 0 or a negative errno.
 */
int ainka_netlink_init(void)
{
	int err = genl_register_family(&ainka_genl);

	WRITE_ONCE(door_open, !err);
	return err;
}

/**
 * ainka_netlink_exit() - close it; requests under way have ended on return
 */
void ainka_netlink_exit(void)
{
	WRITE_ONCE(door_open, false);
	/* a decision that is being sent has been when the lanes are idle */
	ainka_engine_sync(AINKA_REASON_UNLOAD);
	ainka_lane_flush();
	genl_unregister_family(&ainka_genl);
}
