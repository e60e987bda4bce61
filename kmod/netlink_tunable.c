// SPDX-License-Identifier: GPL-2.0
/* Netlink operations that show tunables and what of them is away from its baseline. */
#include <linux/string.h>

#include "genl_gen.h"
#include "journal.h"
#include "lane.h"
#include "netlink.h"
#include "tunable.h"

/*
 * struct tunable_view - a tunable, or one of its journal entries. Copied under the lock and
 * shown without: reading a tunable may take as long as writing it, and the fast lane needs
 * the lock.
 */
struct tunable_view {
	const struct ainka_tunable *tun;
	struct ainka_hold hold;		/* its target is referenced */
	bool has_hold;			/* false: the tunable itself, at its baseline */
	u32 held;
};

/* The n-th journal entry of a tunable, and how many there are up to that one. */
static u32 nth_hold(const struct ainka_tunable *tun, long n, struct tunable_view *v)
{
	struct hlist_node *tmp;
	struct ainka_hold *hold;
	u32 count = 0;
	int bucket;

	ainka_journal_each(hold, tmp, bucket) {
		if (hold->tun != tun || hold->ghost_ns || !hold->held)
			continue;
		if (!n--) {
			v->hold = *hold;
			ainka_target_copy(&hold->target, &v->hold.target);
			v->has_hold = true;
		}
		count++;
	}
	return count;
}

/* @nth: 0 for the tunable itself, then its entries; false behind the last one. */
static bool view_tunable(const struct ainka_tunable *tun, long nth, struct tunable_view *v)
{
	bool system = tun->subject == AINKA_SUBJECT_SYSTEM;

	memset(v, 0, sizeof(*v));
	v->tun = tun;
	mutex_lock(&ainka_journal_lock);
	/* one of the system has one entry at most, and they are shown together */
	if (system)
		v->held = nth_hold(tun, nth, v);
	else
		v->held = nth_hold(tun, nth - 1, v);
	mutex_unlock(&ainka_journal_lock);
	return !nth || (!system && v->has_hold);
}

static void view_end(struct tunable_view *v)
{
	if (v->has_hold)
		ainka_target_put(&v->hold.target);
}

/* The present value, unless that would mean to wait for the slow lane. */
static int put_current(struct sk_buff *msg, const struct ainka_tunable *tun,
		       const struct ainka_target *target)
{
	s64 value;

	if (tun->absent || (tun->lane == AINKA_LANE_SLOW && ainka_lane_busy()) ||
	    tun->ops->read(tun, target, &value))
		return 0;
	return nla_put_s64(msg, AINKA_A_TUNABLE_CURRENT, value, AINKA_A_TUNABLE_PAD);
}

static int put_hold(struct sk_buff *msg, const struct ainka_hold *hold)
{
	const int pad = AINKA_A_TUNABLE_PAD;

	return nla_put_s64(msg, AINKA_A_TUNABLE_BASELINE, hold->baseline, pad) ?:
	       nla_put_s64(msg, AINKA_A_TUNABLE_WRITTEN, hold->written, pad) ?:
	       nla_put_string(msg, AINKA_A_TUNABLE_POLICY, hold->policy) ?:
	       (hold->foreign ? nla_put_flag(msg, AINKA_A_TUNABLE_FOREIGN) : 0) ?:
	       (hold->pending ? nla_put_flag(msg, AINKA_A_TUNABLE_PENDING) : 0);
}

static int put_tunable(struct sk_buff *msg, const void *object)
{
	const struct tunable_view *v = object;
	const struct ainka_tunable *tun = v->tun;
	const int pad = AINKA_A_TUNABLE_PAD;
	int err;

	err = nla_put_string(msg, AINKA_A_TUNABLE_NAME, tun->name) ?:
	      nla_put_u32(msg, AINKA_A_TUNABLE_KIND, tun->kind) ?:
	      nla_put_u32(msg, AINKA_A_TUNABLE_SUBJECT, tun->subject) ?:
	      nla_put_string(msg, AINKA_A_TUNABLE_UNIT, tun->unit);
	if (err)
		return err;
	if (v->has_hold && tun->subject != AINKA_SUBJECT_SYSTEM)
		return ainka_nl_put_key(msg, tun->subject, &v->hold.target.key,
					v->hold.target.label, AINKA_A_TUNABLE_PID,
					AINKA_A_TUNABLE_SUBJECT_ID, AINKA_A_TUNABLE_LABEL, pad) ?:
		       put_current(msg, tun, &v->hold.target) ?:
		       put_hold(msg, &v->hold);
	return nla_put_s64(msg, AINKA_A_TUNABLE_MIN, tun->bounds.min, pad) ?:
	       nla_put_s64(msg, AINKA_A_TUNABLE_MAX, tun->bounds.max, pad) ?:
	       nla_put_s64(msg, AINKA_A_TUNABLE_STEP, tun->bounds.step, pad) ?:
	       nla_put_u32(msg, AINKA_A_TUNABLE_LANE, tun->lane) ?:
	       (tun->bounds.values ?
		nla_put_string(msg, AINKA_A_TUNABLE_VALUES, tun->bounds.values) : 0) ?:
	       (tun->absent ? nla_put_string(msg, AINKA_A_TUNABLE_ABSENT, tun->absent) : 0) ?:
	       (tun->note ? nla_put_string(msg, AINKA_A_TUNABLE_NOTE, tun->note) : 0) ?:
	       (tun->subject == AINKA_SUBJECT_SYSTEM ?
		put_current(msg, tun, &ainka_target_system) : 0) ?:
	       nla_put_u32(msg, AINKA_A_TUNABLE_HELD, v->held) ?:
	       (v->has_hold ? put_hold(msg, &v->hold) : 0);
}

int ainka_nl_tunable_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct ainka_tunable *tun;
	struct ainka_nl_reply reply;
	struct tunable_view view;
	const char *name;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_TUNABLE_NAME))
		return -EINVAL;
	name = nla_data(info->attrs[AINKA_A_TUNABLE_NAME]);
	tun = ainka_tunable_find(name);
	if (!tun) {
		ainka_nl_error(info->extack, info->attrs[AINKA_A_TUNABLE_NAME],
			       "no tunable %s; a dump lists them", name);
		return -ENOENT;
	}
	err = ainka_nl_reply_begin(&reply, info);
	if (err)
		return err;
	view_tunable(tun, 0, &view);
	err = put_tunable(reply.msg, &view);
	view_end(&view);
	return ainka_nl_reply_send(&reply, info, err);
}

/* args[0]: tunable, args[1]: 0 for itself, then its entries */
int ainka_nl_tunable_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct ainka_tunable *tun;
	struct tunable_view view;
	bool full;

	if (!cb->args[0] && !cb->args[1])
		ainka_tunables_scan();
	while ((tun = ainka_tunable_at(cb->args[0]))) {
		if (!view_tunable(tun, cb->args[1], &view)) {
			view_end(&view);
			cb->args[0]++;
			cb->args[1] = 0;
			continue;
		}
		full = ainka_nl_dump_one(skb, cb, AINKA_CMD_TUNABLE_GET, put_tunable, &view);
		view_end(&view);
		if (full)
			break;
		cb->args[1]++;
	}
	return skb->len;
}
