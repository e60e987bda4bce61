// SPDX-License-Identifier: GPL-2.0
/*
 * External signals: names registered while the module runs, by other kernel
 * modules and through netlink, and the values they are given. A name is never
 * taken back while this module is loaded, because policies, decisions and
 * readers of the ring know it by its number; it only grows stale.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "external.h"
#include "react.h"
#include "refuse.h"
#include "signals.h"

#define AGE_DEFAULT_NS	(5 * NSEC_PER_SEC)
#define AGE_MIN_NS	(1 * NSEC_PER_MSEC)
#define AGE_MAX_NS	(3600ULL * NSEC_PER_SEC)

/**
 * struct external - one external signal
 * @def: what the core knows of it; its name and unit never change
 * @name: its name
 * @owner: the module that reports it, NULL if none does now
 * @turn: how many modules have registered it so far
 * @leaving: its module has gone, and what it posted last is still on its way
 * @leased: what it has comes from the holder of the lease
 */
struct external {
	struct ainka_signal_def def;
	char name[AINKA_SIGNAL_LEN];
	struct module *owner;
	u16 turn;
	bool leaving;
	bool leased;
};

/* protects adding signals, and whose they are */
static DEFINE_MUTEX(external_lock);
static struct external externals[AINKA_N_EXTERNAL];
static const struct ainka_signal_def *table[AINKA_N_EXTERNAL];
static u32 n_externals;

static int find(const char *name)
{
	u32 i;

	for (i = 0; i < n_externals; i++)
		if (!strcmp(externals[i].name, name))
			return i;
	return -ENOENT;
}

static int add(const char *name, struct ainka_err *err)
{
	struct external *ext = &externals[n_externals];
	const char *unit = ainka_external_unit(name, err);

	if (!unit)
		return -EINVAL;
	if (ainka_signal_by_name(name, strlen(name)))
		return ainka_deny(err, -EEXIST, "%s is a signal that the module measures itself",
				  name);
	if (n_externals == AINKA_N_EXTERNAL)
		return ainka_deny(err, -ENOSPC,
				  "the table of external signals is full: %d; names stay until the module is unloaded",
				  AINKA_N_EXTERNAL);
	strscpy(ext->name, name, sizeof(ext->name));
	ext->def = (struct ainka_signal_def) {
		.name = ext->name,
		.unit = unit,
		.source = "external",
		.max_age_ns = AGE_DEFAULT_NS,
		.id = AINKA_SIG(AINKA_SUBJECT_SYSTEM, AINKA_EXTERNAL_FIRST + n_externals),
		.event = true,
	};
	/* pairs with the core's acquire: who sees the entry sees what is in it */
	smp_store_release(&table[n_externals], &ext->def);
	WRITE_ONCE(n_externals, n_externals + 1);
	return n_externals - 1;
}

static int claim(const struct ainka_external_cfg *cfg, struct ainka_err *err)
{
	struct external *ext;
	int i;

	if (cfg->max_age_ns && (cfg->max_age_ns < AGE_MIN_NS || cfg->max_age_ns > AGE_MAX_NS))
		return ainka_deny(err, -ERANGE, "the maximum age is 1 ms to 1 hour");
	i = find(cfg->name);
	if (i < 0)
		i = add(cfg->name, err);
	if (i < 0)
		return i;
	ext = &externals[i];
	if (ext->owner)
		return ainka_deny(err, -EBUSY, "%s is reported by the kernel module %s", cfg->name,
				  module_name(ext->owner));
	ext->leaving = false;
	if (cfg->owner)
		WRITE_ONCE(ext->turn, ext->turn % 0x7fff + 1);
	WRITE_ONCE(ext->owner, cfg->owner);
	ext->leased = cfg->leased;
	WRITE_ONCE(ext->def.source, cfg->owner ? "module" : cfg->leased ? "daemon" : "netlink");
	if (cfg->max_age_ns)
		WRITE_ONCE(ext->def.max_age_ns, cfg->max_age_ns);
	return ext->def.id;
}

/**
 * ainka_external_claim() - register a signal, or take over one that nobody reports
 * @cfg: what is asked for
 * @err: gets why not, in words
 *
 * Context: may sleep.
 *
 * Return: the id of the signal, or a negative errno.
 */
int ainka_external_claim(const struct ainka_external_cfg *cfg, struct ainka_err *err)
{
	int id;

	mutex_lock(&external_lock);
	id = claim(cfg, err);
	mutex_unlock(&external_lock);
	return id;
}

/**
 * ainka_external_push() - claim a signal and give it a value
 * @cfg: what is asked for
 * @value: the value
 * @err: gets why not, in words
 *
 * Context: may sleep.
 *
 * Return: the id of the signal, or a negative errno.
 */
int ainka_external_push(const struct ainka_external_cfg *cfg, s64 value, struct ainka_err *err)
{
	int id;

	mutex_lock(&external_lock);
	id = claim(cfg, err);
	if (id >= 0)
		ainka_signal_set(id, value, ktime_get_ns());
	mutex_unlock(&external_lock);
	return id;
}

static void release(struct external *ext)
{
	WRITE_ONCE(ext->owner, NULL);
	ext->leaving = false;
	ext->leased = false;
	WRITE_ONCE(ext->def.source, "external");
	ainka_signal_forget(ext->def.id);
}

/**
 * ainka_external_release() - a module reports no more: what it reported is stale
 * @owner: the module
 * @id: the signal, or AINKA_SIG_NONE for all of its signals
 *
 * Context: may sleep; not the fast worker.
 */
void ainka_external_release(const struct module *owner, u16 id)
{
	bool any = false;
	u32 i;

	mutex_lock(&external_lock);
	for (i = 0; i < n_externals; i++) {
		struct external *ext = &externals[i];

		if (ext->owner != owner || (id != AINKA_SIG_NONE && id != ext->def.id))
			continue;
		WRITE_ONCE(ext->owner, NULL);
		ext->leaving = true;
		any = true;
	}
	mutex_unlock(&external_lock);
	if (!any)
		return;
	/* what it has posted must not make a signal fresh again */
	ainka_react_flush();
	mutex_lock(&external_lock);
	for (i = 0; i < n_externals; i++)
		if (externals[i].leaving)
			release(&externals[i]);
	mutex_unlock(&external_lock);
}

static int on_module(struct notifier_block *nb, unsigned long state, void *module)
{
	if (state == MODULE_STATE_GOING)
		ainka_external_release(module, AINKA_SIG_NONE);
	return NOTIFY_DONE;
}

static struct notifier_block module_nb = { .notifier_call = on_module };

/**
 * ainka_external_init() - let policies name external signals
 *
 * Return: 0 or a negative errno.
 */
int ainka_external_init(void)
{
	ainka_signals_extend(table);
	return register_module_notifier(&module_nb);
}

/**
 * ainka_external_exit() - undo it; there are no policies any more
 */
void ainka_external_exit(void)
{
	unregister_module_notifier(&module_nb);
	ainka_signals_extend(NULL);
}

/**
 * ainka_external_release_leased() - the lease has ended: what its holder has pushed is stale
 *
 * Context: may sleep.
 */
void ainka_external_release_leased(void)
{
	u32 i;

	mutex_lock(&external_lock);
	for (i = 0; i < n_externals; i++)
		if (externals[i].leased)
			release(&externals[i]);
	mutex_unlock(&external_lock);
}

/**
 * ainka_external_turn() - who reports this signal?
 * @id: any id
 *
 * Context: any.
 *
 * Return: a number from 1 for each module that has registered it, 0 if none
 * reports it now.
 */
u32 ainka_external_turn(u16 id)
{
	u32 index = AINKA_SIG_INDEX(id);
	const struct external *ext;

	if (AINKA_SIG_BANK(id) || index < AINKA_EXTERNAL_FIRST)
		return 0;
	ext = &externals[index - AINKA_EXTERNAL_FIRST];
	return READ_ONCE(ext->owner) ? READ_ONCE(ext->turn) : 0;
}

/**
 * ainka_external_count() - how many external signals there are
 *
 * Return: their number; their ids follow each other.
 */
u32 ainka_external_count(void)
{
	return READ_ONCE(n_externals);
}
