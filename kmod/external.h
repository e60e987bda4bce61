/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_EXTERNAL_H
#define AINKA_EXTERNAL_H

#include "ainka_core.h"

struct module;

/**
 * struct ainka_external_cfg - what a door asks of an external signal
 * @name: its name; the caller's
 * @max_age_ns: age from which it is stale, 0 for what it is or the default
 * @owner: the module it belongs to, or NULL for what comes by netlink
 * @leased: of @owner NULL: it is the holder's of the lease
 */
struct ainka_external_cfg {
	const char *name;
	u64 max_age_ns;
	struct module *owner;
	bool leased;
};

int ainka_external_init(void);
void ainka_external_exit(void);
int ainka_external_claim(const struct ainka_external_cfg *cfg, struct ainka_err *err);
int ainka_external_push(const struct ainka_external_cfg *cfg, s64 value, struct ainka_err *err);
void ainka_external_release(const struct module *owner, u16 id);
void ainka_external_release_leased(void);
u32 ainka_external_turn(u16 id);
u32 ainka_external_count(void);

#endif
