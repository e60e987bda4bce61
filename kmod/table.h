/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_TABLE_H
#define AINKA_TABLE_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>

#include "params.h"
#include "policy.h"

/* Most memory that all policies take together, with their models and windows. */
#define AINKA_TABLE_BYTES	(384 * 1024)

/* struct ainka_table - the policies in force, in the order they came */
struct ainka_table {
	struct rcu_head rcu;
	u32 n;
	struct ainka_policy *policy[];
};

/*
 * Protects replacing the table. Policies of the present table live while it is
 * held, or while an RCU read section lasts that has seen them.
 */
extern struct mutex ainka_table_lock;

int ainka_table_init(void);
void ainka_table_exit(void);
/* under RCU or ainka_table_lock */
const struct ainka_table *ainka_table(void);
struct ainka_policy *ainka_table_named(const char *name);
struct ainka_policy *ainka_table_numbered(u32 id);

int ainka_table_add(struct ainka_policy *policy, bool replace, u32 *id, u32 *version,
		    struct ainka_policy_err *err);
int ainka_table_remove(const char *name, u32 *id, u32 *active);
u32 ainka_table_remove_origin(u32 origin_mask);

#endif
