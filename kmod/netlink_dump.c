// SPDX-License-Identifier: GPL-2.0
/* Netlink operations that show signals and decisions. */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "decision.h"
#include "engine.h"
#include "external.h"
#include "genl_gen.h"
#include "netlink.h"
#include "signals.h"
#include "subjects.h"

/* ---- signals ---- */

/* struct signal_view - a signal, of the system or of another subject */
struct signal_view {
	const struct ainka_signal_def *def;
	s64 value;
	u64 age_ns;
	bool fresh;
	struct ainka_key key;
	char label[AINKA_LABEL_LEN];
};

/**
 * ainka_nl_put_key() - write the numbers and the name of a subject into a message
 * @msg: the message
 * @subject: its kind; nothing is written for the system
 * @key: its numbers
 * @label: its name
 * @pid: attribute for the number of a task
 * @id: attribute for the number that is not used again
 * @name: attribute for the name
 * @pad: attribute for padding
 *
 * Return: 0 or -EMSGSIZE.
 */
int ainka_nl_put_key(struct sk_buff *msg, u32 subject, const struct ainka_key *key,
		     const char *label, int pid, int id, int name, int pad)
{
	if (subject == AINKA_SUBJECT_SYSTEM)
		return 0;
	return (subject == AINKA_SUBJECT_TASK ? nla_put_u32(msg, pid, key->num) : 0) ?:
	       nla_put_u64_64bit(msg, id, key->id, pad) ?:
	       nla_put_string(msg, name, label);
}

static int put_signal(struct sk_buff *msg, const void *object)
{
	const struct signal_view *v = object;
	const int pad = AINKA_A_SIGNAL_PAD;

	return nla_put_string(msg, AINKA_A_SIGNAL_NAME, v->def->name) ?:
	       nla_put_u32(msg, AINKA_A_SIGNAL_SUBJECT, AINKA_SIG_BANK(v->def->id)) ?:
	       nla_put_string(msg, AINKA_A_SIGNAL_UNIT, v->def->unit) ?:
	       (v->fresh ? nla_put_s64(msg, AINKA_A_SIGNAL_VALUE, v->value, pad) :
			   nla_put_flag(msg, AINKA_A_SIGNAL_STALE)) ?:
	       (v->age_ns == U64_MAX ? 0 :
		nla_put_u64_64bit(msg, AINKA_A_SIGNAL_AGE_NS, v->age_ns, pad)) ?:
	       nla_put_u64_64bit(msg, AINKA_A_SIGNAL_MAX_AGE_NS, READ_ONCE(v->def->max_age_ns),
				 pad) ?:
	       nla_put_string(msg, AINKA_A_SIGNAL_SOURCE, READ_ONCE(v->def->source)) ?:
	       nla_put_u32(msg, AINKA_A_SIGNAL_ID, v->def->id) ?:
	       ainka_nl_put_key(msg, AINKA_SIG_BANK(v->def->id), &v->key, v->label,
				AINKA_A_SIGNAL_PID, AINKA_A_SIGNAL_SUBJECT_ID,
				AINKA_A_SIGNAL_LABEL, pad);
}

static void view_system(const struct ainka_signal_def *def, struct signal_view *v)
{
	memset(v, 0, sizeof(*v));
	v->def = def;
	v->fresh = ainka_signal_get(def->id, ktime_get_ns(), &v->value, &v->age_ns);
}

int ainka_nl_signal_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct ainka_signal_def *def;
	struct ainka_nl_reply reply;
	struct signal_view view;
	const char *name;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_SIGNAL_NAME))
		return -EINVAL;
	name = nla_data(info->attrs[AINKA_A_SIGNAL_NAME]);
	def = ainka_signal_by_name(name, strlen(name));
	if (!def || AINKA_SIG_BANK(def->id) != AINKA_SUBJECT_SYSTEM) {
		ainka_nl_error(info->extack, info->attrs[AINKA_A_SIGNAL_NAME],
			       "%s is no signal of the system", name);
		return -ENOENT;
	}
	err = ainka_nl_reply_begin(&reply, info);
	if (err)
		return err;
	view_system(def, &view);
	return ainka_nl_reply_send(&reply, info, put_signal(reply.msg, &view));
}

/* args[0]: subject, args[1]: signal of it */
static void dump_subjects(struct sk_buff *skb, struct netlink_callback *cb, u32 subject)
{
	struct ainka_snap *snap = kmalloc(sizeof(*snap), GFP_KERNEL);
	struct ainka_target target;
	struct signal_view v;
	u64 time_ns, now_ns;

	if (!cb->args[0] && !cb->args[1] && ainka_subjects_show(subject))
		ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	now_ns = ktime_get_ns();
	for (; snap && ainka_subjects_copy(subject, cb->args[0], snap, &time_ns); cb->args[0]++) {
		memset(&v, 0, sizeof(v));
		v.key = snap->key;
		if (ainka_target_get(subject, &snap->key, &target)) {
			strscpy(v.label, target.label, sizeof(v.label));
			ainka_target_put(&target);
		}
		v.age_ns = now_ns > time_ns ? now_ns - time_ns : 0;
		while ((v.def = ainka_signal_by_id(AINKA_SIG(subject, cb->args[1])))) {
			v.value = snap->val[cb->args[1]];
			v.fresh = snap->fresh[cb->args[1]] && v.age_ns <= v.def->max_age_ns;
			if (ainka_nl_dump_one(skb, cb, AINKA_CMD_SIGNAL_GET, put_signal, &v))
				goto out;
			cb->args[1]++;
		}
		cb->args[1] = 0;
	}
out:
	kfree(snap);
}

int ainka_nl_signal_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr *attr = nlmsg_find_attr(cb->nlh, GENL_HDRLEN, AINKA_A_SIGNAL_SUBJECT);
	struct signal_view view;

	if (attr && nla_get_u32(attr) != AINKA_SUBJECT_SYSTEM) {
		/* the attribute's largest value is checked by the family's policy */
		dump_subjects(skb, cb, min_t(u32, nla_get_u32(attr), AINKA_SUBJECT_DEVICE));
		return skb->len;
	}
	/* the tick may be asleep */
	if (!cb->args[0])
		ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	for (; cb->args[0] < AINKA_N_SYSTEM_SIGNALS + ainka_external_count(); cb->args[0]++) {
		u32 i = cb->args[0];

		if (i >= AINKA_N_SYSTEM_SIGNALS)
			i += AINKA_EXTERNAL_FIRST - AINKA_N_SYSTEM_SIGNALS;
		view_system(ainka_signal_by_id(AINKA_SIG(AINKA_SUBJECT_SYSTEM, i)), &view);
		if (ainka_nl_dump_one(skb, cb, AINKA_CMD_SIGNAL_GET, put_signal, &view))
			break;
	}
	return skb->len;
}

/* ---- decisions ---- */

/**
 * ainka_nl_put_decision() - write a decision into a message
 * @msg: the message
 * @object: struct ainka_record
 *
 * Return: 0 or -EMSGSIZE.
 */
int ainka_nl_put_decision(struct sk_buff *msg, const void *object)
{
	const struct ainka_record *rec = object;
	const struct ainka_key key = { rec->pid, rec->subject_id };
	const int pad = AINKA_A_DECISION_PAD;
	struct nlattr *nest;
	u32 i;
	int err;

	err = nla_put_u64_64bit(msg, AINKA_A_DECISION_ID, rec->id, pad) ?:
	      nla_put_u64_64bit(msg, AINKA_A_DECISION_TIME_NS, rec->time_ns, pad) ?:
	      nla_put_string(msg, AINKA_A_DECISION_POLICY, rec->policy) ?:
	      nla_put_u32(msg, AINKA_A_DECISION_POLICY_ID, rec->policy_id) ?:
	      nla_put_u32(msg, AINKA_A_DECISION_POLICY_VERSION, rec->policy_version) ?:
	      nla_put_string(msg, AINKA_A_DECISION_TUNABLE, rec->tunable) ?:
	      nla_put_s64(msg, AINKA_A_DECISION_OLD, rec->old_value, pad) ?:
	      nla_put_s64(msg, AINKA_A_DECISION_NEW, rec->new_value, pad) ?:
	      nla_put_u32(msg, AINKA_A_DECISION_VERDICT, rec->verdict) ?:
	      nla_put_u32(msg, AINKA_A_DECISION_REASON, rec->reason) ?:
	      (rec->error ? nla_put_s32(msg, AINKA_A_DECISION_ERROR, rec->error) : 0) ?:
	      (rec->leaf ? nla_put_u32(msg, AINKA_A_DECISION_LEAF, rec->leaf) : 0) ?:
	      nla_put_string(msg, AINKA_A_DECISION_PATH, rec->path);
	if (!err)
		err = nla_put_u32(msg, AINKA_A_DECISION_SUBJECT, rec->subject);
	if (!err)
		err = ainka_nl_put_key(msg, rec->subject, &key, rec->label,
				       AINKA_A_DECISION_PID, AINKA_A_DECISION_SUBJECT_ID,
				       AINKA_A_DECISION_LABEL, pad);
	for (i = 0; !err && i < rec->n_causes; i++) {
		const struct ainka_signal_def *def = ainka_signal_by_id(rec->cause_signal[i]);

		nest = nla_nest_start(msg, AINKA_A_DECISION_CAUSE);
		if (!nest)
			return -EMSGSIZE;
		err = nla_put_string(msg, AINKA_A_CAUSE_SIGNAL, def->name) ?:
		      nla_put_s64(msg, AINKA_A_CAUSE_VALUE, rec->cause_value[i],
				  AINKA_A_CAUSE_PAD);
		nla_nest_end(msg, nest);
	}
	return err;
}

int ainka_nl_decision_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ainka_nl_reply reply;
	struct ainka_record *rec;
	int err;
	u64 id;

	if (GENL_REQ_ATTR_CHECK(info, AINKA_A_DECISION_ID))
		return -EINVAL;
	id = nla_get_u64(info->attrs[AINKA_A_DECISION_ID]);
	rec = kmalloc(sizeof(*rec), GFP_KERNEL);
	if (!rec)
		return -ENOMEM;
	err = ainka_nl_reply_begin(&reply, info);
	if (err)
		goto out;
	if (!ainka_decision_get(id, rec)) {
		nlmsg_free(reply.msg);
		ainka_nl_error(info->extack, info->attrs[AINKA_A_DECISION_ID],
			       "decision %llu is not remembered; the last %d are", id,
			       AINKA_DECISIONS);
		err = -ENOENT;
		goto out;
	}
	err = ainka_nl_reply_send(&reply, info, ainka_nl_put_decision(reply.msg, rec));
out:
	kfree(rec);
	return err;
}

/* args[0]: number of the next decision */
int ainka_nl_decision_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ainka_record *rec = kmalloc(sizeof(*rec), GFP_KERNEL);
	struct ainka_decision_counts counts;

	if (!rec)
		return -ENOMEM;
	/* some may have been forgotten since the last message */
	cb->args[0] = max_t(u64, cb->args[0], ainka_decision_oldest());
	ainka_decision_counts(&counts);
	for (; cb->args[0] <= counts.total; cb->args[0]++) {
		if (!ainka_decision_get(cb->args[0], rec))
			continue;
		if (ainka_nl_dump_one(skb, cb, AINKA_CMD_DECISION_GET, ainka_nl_put_decision, rec))
			break;
	}
	kfree(rec);
	return skb->len;
}
