/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_NETLINK_H
#define AINKA_NETLINK_H

#include <net/genetlink.h>

#include "ainka_core.h"
#include "target.h"

extern struct genl_family ainka_genl;

/* struct ainka_nl_reply - an answer in the making */
struct ainka_nl_reply {
	struct sk_buff *msg;
	void *hdr;
};

int ainka_netlink_init(void);
void ainka_netlink_exit(void);
void ainka_netlink_decision(const struct ainka_record *rec);
void ainka_netlink_forecast(const char *signal);
u64 ainka_netlink_event_drops(void);

int ainka_nl_reply_begin(struct ainka_nl_reply *reply, struct genl_info *info);
int ainka_nl_reply_send(struct ainka_nl_reply *reply, struct genl_info *info, int err);
/* put writes one object into the message */
int ainka_nl_dump_one(struct sk_buff *msg, struct netlink_callback *cb, u8 cmd,
		      int (*put)(struct sk_buff *msg, const void *object),
		      const void *object);
__printf(3, 4)
void ainka_nl_error(struct netlink_ext_ack *extack, const struct nlattr *attr, const char *fmt,
		    ...);
int ainka_nl_put_key(struct sk_buff *msg, u32 subject, const struct ainka_key *key,
		     const char *label, int pid, int id, int name, int pad);
int ainka_nl_put_decision(struct sk_buff *msg, const void *object);

#endif
